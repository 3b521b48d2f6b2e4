// The cost report as a team writing Go would serve it: net/http and pgx on this project's own tables and statements,
// keys in memory, and nothing else around a request. No server process can be much faster on the same database.
//
//	go_peer -dsn URL -statements FILE -port PORT -token TOKEN
//
// FILE is JSON: {"month": {"sql": …, "args": […]}, …}. Of the statements of /whole/NAME, the one row ends with the
// columns `rows` and `items`, the inside of a JSON array. Those of /stream/NAME have rows with one JSON object each.
//
//	/whole/NAME     reads the report
//	/again/NAME     reads the report's validators with the statement NAME.validators; sends the report that was read
//	                last if they have not changed, or 304 if the request has If-None-Match
//	/stream/NAME    sends the rows as they come
//	/hello          does nothing
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
)

type statement struct {
	SQL  string        `json:"sql"`
	Args []interface{} `json:"args"`
}

type report struct {
	body  []byte
	state string
}

type peer struct {
	pool       *pgxpool.Pool
	statements map[string]statement
	keys       map[[32]byte]bool
	lock       sync.RWMutex
	read       map[string]report
}

func main() {
	dsn := flag.String("dsn", "", "")
	file := flag.String("statements", "", "")
	port := flag.Int("port", 0, "")
	token := flag.String("token", "", "")
	flag.Parse()
	text, err := os.ReadFile(*file)
	check(err)
	p := &peer{
		keys: map[[32]byte]bool{sha256.Sum256([]byte(*token)): true},
		read: map[string]report{},
	}
	check(json.Unmarshal(text, &p.statements))
	config, err := pgxpool.ParseConfig(*dsn)
	check(err)
	config.MaxConns = 8
	p.pool, err = pgxpool.ConnectConfig(context.Background(), config)
	check(err)
	http.HandleFunc("/whole/", p.guarded(p.whole))
	http.HandleFunc("/again/", p.guarded(p.again))
	http.HandleFunc("/stream/", p.guarded(p.stream))
	http.HandleFunc("/hello", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(`{"a":"b"}`)) })
	check(http.ListenAndServe(fmt.Sprintf("127.0.0.1:%d", *port), nil))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// guarded calls the handler with the last part of the path, if the request has an active key.
func (p *peer) guarded(handle func(http.ResponseWriter, *http.Request, string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !p.keys[sha256.Sum256([]byte(strings.TrimPrefix(r.Header.Get("Authorization"), "ApiToken ")))] {
			http.Error(w, `{"title":"Advertiser not authenticated."}`, 401)
			return
		}
		if err := handle(w, r, r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]); err != nil {
			http.Error(w, err.Error(), 500)
		}
	}
}

func (p *peer) query(r *http.Request, name string) (pgx.Rows, error) {
	s, known := p.statements[name]
	if !known {
		return nil, fmt.Errorf("no statement %s", name)
	}
	return p.pool.Query(r.Context(), s.SQL, s.Args...)
}

// row returns the values of the statement's one row.
func (p *peer) row(r *http.Request, name string) ([]interface{}, error) {
	rows, err := p.query(r, name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, fmt.Errorf("no row: %v", rows.Err())
	}
	return rows.Values()
}

func (p *peer) whole(w http.ResponseWriter, r *http.Request, name string) error {
	values, err := p.row(r, name)
	if err != nil {
		return err
	}
	items := values[len(values)-1].([]byte)
	body := make([]byte, 0, len(items)+16)
	body = append(append(append(body, `{"data":[`...), items...), `]}`...)
	state := fmt.Sprint(values[:len(values)-2])
	p.lock.Lock()
	p.read[name] = report{body, state}
	p.lock.Unlock()
	writeHeaders(w, state)
	w.Write(body)
	return nil
}

func (p *peer) again(w http.ResponseWriter, r *http.Request, name string) error {
	values, err := p.row(r, name+".validators")
	if err != nil {
		return err
	}
	state := fmt.Sprint(values)
	p.lock.RLock()
	last := p.read[name]
	p.lock.RUnlock()
	if last.state != state {
		return fmt.Errorf("the report has changed since /whole/%s", name)
	}
	writeHeaders(w, state)
	if r.Header.Get("If-None-Match") != "" {
		w.WriteHeader(304)
		return nil
	}
	w.Write(last.body)
	return nil
}

func (p *peer) stream(w http.ResponseWriter, r *http.Request, name string) error {
	rows, err := p.query(r, name)
	if err != nil {
		return err
	}
	defer rows.Close()
	w.Header().Set("Content-Type", "application/json")
	out := bufio.NewWriterSize(w, 1<<16)
	out.WriteString(`{"data":[`)
	for first := true; rows.Next(); first = false {
		if !first {
			out.WriteByte(',')
		}
		out.Write(rows.RawValues()[0])
	}
	if rows.Err() != nil {
		return rows.Err()
	}
	out.WriteString(`]}`)
	return out.Flush()
}

func writeHeaders(w http.ResponseWriter, state string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("ETag", fmt.Sprintf(`W/"%x"`, sha256.Sum256([]byte(state))))
}

-- Schema public, as the migrations create it. `make schema` writes this file.

CREATE SCHEMA public;

COMMENT ON SCHEMA public IS 'standard public schema';

CREATE FUNCTION public.gokart_audit() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM public.gokart_audit_row(TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_ARGV, to_jsonb(OLD), to_jsonb(NEW));
    RETURN NULL;
END $$;

CREATE FUNCTION public.gokart_audit_log_is_kept() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('gokart.audit_log', true) = 'erase'
        OR TG_OP = 'DELETE' AND current_setting('gokart.audit_log', true) = 'expire'
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'The audit log is not changed.';
END $$;

CREATE FUNCTION public.gokart_audit_row(operation text, schema text, relation text, secrets text[], old_row jsonb, new_row jsonb) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    about jsonb := coalesce(new_row, old_row);
    secret text;
BEGIN
    IF operation = 'UPDATE' THEN
        SELECT jsonb_object_agg(o.key, o.value), jsonb_object_agg(n.key, n.value) INTO old_row, new_row
            FROM jsonb_each(old_row) o JOIN jsonb_each(new_row) n ON n.key = o.key
            WHERE n.value <> o.value;
        IF new_row IS NULL THEN
            RETURN;
        END IF;
    END IF;
    FOREACH secret IN ARRAY coalesce(secrets, '{}') LOOP
        IF old_row ->> secret IS NOT NULL THEN old_row := jsonb_set(old_row, ARRAY[secret], '"(secret)"'); END IF;
        IF new_row ->> secret IS NOT NULL THEN new_row := jsonb_set(new_row, ARRAY[secret], '"(secret)"'); END IF;
    END LOOP;
    EXECUTE format(
        'INSERT INTO %I.audit_log (actor, address, action, subject, key, label, before, after)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)', schema)
        USING coalesce(nullif(current_setting('gokart.actor', true), ''), 'database:' || session_user),
            nullif(current_setting('gokart.address', true), '')::inet,
            CASE operation WHEN 'INSERT' THEN 'created' WHEN 'UPDATE' THEN 'changed' ELSE 'deleted' END,
            regexp_replace(relation, '_\d{6,}$', ''), about ->> 'id',
            coalesce(about ->> 'email', about ->> 'name', ''), old_row, new_row;
END $_$;

CREATE FUNCTION public.gokart_execute_each(statements text[], arguments json[]) RETURNS void
    LANGUAGE plpgsql
    SET lock_timeout TO '200ms'
    AS $$
BEGIN
    FOR i IN 1 .. cardinality(statements) LOOP
        EXECUTE statements[i] USING arguments[i];
    END LOOP;
END $$;

CREATE FUNCTION public.gokart_limit(its_key text, process text, rate double precision, burst double precision, most bigint, back integer, held integer, want integer, share double precision, lent_for double precision, held_for double precision, OUT tokens integer, OUT taken integer, OUT remains double precision, OUT lent boolean) RETURNS record
    LANGUAGE plpgsql
    AS $$
DECLARE
    it public.request_limit;
    moment float8;
    others int;
BEGIN
    LOOP
        SELECT * INTO it FROM public.request_limit r WHERE r.key = its_key FOR UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO public.request_limit (key, level, at, expires_at)
            VALUES (its_key, burst, extract(epoch FROM clock_timestamp()), 'infinity') ON CONFLICT DO NOTHING;
    END LOOP;
    moment := extract(epoch FROM clock_timestamp());
    it.level := least(burst, it.level + greatest(0, moment - it.at) * rate + back);
    SELECT coalesce(jsonb_object_agg(p.key, p.value), '{}'), coalesce(sum((p.value ->> 0)::int), 0)
        INTO it.places, others
        FROM jsonb_each(it.places) p WHERE p.key <> process AND (p.value ->> 1)::float8 > moment;
    lent := it.lent_until > moment;
    tokens := 0;
    taken := 0;
    IF want > 0 AND it.level >= 1 AND (most = 0 OR others + held < most) THEN
        taken := least(want, greatest(0, most - others - held));
        tokens := least(floor(it.level), greatest(want, least(floor(it.level * share), 1e6)));
        it.level := it.level - tokens;
        IF tokens > want THEN
            it.lent_until := moment + lent_for;
        END IF;
    END IF;
    IF held + taken > 0 THEN
        it.places := it.places || jsonb_build_object(process, jsonb_build_array(held + taken, moment + held_for));
    END IF;
    remains := it.level;
    UPDATE public.request_limit r SET level = it.level, at = moment, lent_until = it.lent_until, places = it.places,
        expires_at = moment + greatest((burst - it.level) / rate, held_for)
        WHERE r.key = its_key;
END $$;

CREATE FUNCTION public.gokart_schema_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $_$
BEGIN
    IF TG_TABLE_NAME !~ '_\d{6,}$' THEN
        PERFORM pg_notify('gokart_changed', TG_TABLE_SCHEMA);
    END IF;
    RETURN NULL;
END $_$;

CREATE FUNCTION public.gokart_tenant_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_notify('gokart_changed', coalesce(NEW.schema, OLD.schema));
    RETURN NULL;
END $$;

CREATE FUNCTION public.keep_an_owner() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(TG_TABLE_SCHEMA || '.owner', 0));
    IF NOT EXISTS (SELECT FROM public.staff WHERE role = 'owner' AND active AND password IS NOT NULL) THEN
        RAISE EXCEPTION 'There would be no owner left: make somebody else an owner first.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TABLE public.audit_log (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    actor character varying(400) NOT NULL,
    address inet,
    action character varying(10) NOT NULL,
    subject character varying(63) NOT NULL,
    key character varying(100) NOT NULL,
    label character varying(500) NOT NULL,
    before jsonb,
    after jsonb,
    CONSTRAINT audit_log_action_check CHECK (((action)::text = ANY ((ARRAY['created'::character varying, 'changed'::character varying, 'deleted'::character varying])::text[])))
);

ALTER TABLE public.audit_log ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.migration (
    id integer NOT NULL,
    name character varying(200) DEFAULT ''::character varying NOT NULL,
    app_name character varying(200) DEFAULT ''::character varying NOT NULL,
    ran_on timestamp without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);

CREATE SEQUENCE public.migration_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.migration_id_seq OWNED BY public.migration.id;

CREATE TABLE public.one_time_link (
    id bigint NOT NULL,
    digest bytea NOT NULL,
    staff integer NOT NULL,
    purpose character varying(10) NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    created_by character varying(400) NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT one_time_link_digest_check CHECK ((length(digest) = 32)),
    CONSTRAINT one_time_link_purpose_check CHECK (((purpose)::text = ANY ((ARRAY['invitation'::character varying, 'reset'::character varying])::text[])))
);

ALTER TABLE public.one_time_link ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.one_time_link_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE UNLOGGED TABLE public.request_limit (
    key text NOT NULL,
    level double precision NOT NULL,
    at double precision NOT NULL,
    lent_until double precision DEFAULT 0 NOT NULL,
    places jsonb DEFAULT '{}'::jsonb NOT NULL,
    expires_at double precision NOT NULL
)
WITH (fillfactor='50');

CREATE TABLE public.session (
    id bigint NOT NULL,
    digest bytea NOT NULL,
    staff integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    awaits_code boolean DEFAULT false NOT NULL,
    address inet,
    user_agent character varying(300) DEFAULT ''::character varying NOT NULL,
    CONSTRAINT session_digest_check CHECK ((length(digest) = 32))
);

ALTER TABLE public.session ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.session_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.sign_in_attempt (
    key character varying(500) NOT NULL,
    attempts integer NOT NULL,
    since timestamp with time zone NOT NULL
);

CREATE TABLE public.staff (
    id integer NOT NULL,
    email character varying(320) NOT NULL,
    name character varying(200) NOT NULL,
    active boolean DEFAULT true NOT NULL,
    password character varying(255),
    totp_secret character varying(64),
    totp_step bigint,
    recovery_codes bytea[] DEFAULT '{}'::bytea[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    last_sign_in_at timestamp with time zone,
    role character varying(10) NOT NULL,
    CONSTRAINT staff_email_check CHECK ((((email)::text = lower((email)::text)) AND ((email)::text ~~ '%_@_%'::text))),
    CONSTRAINT staff_name_check CHECK (((name)::text <> ''::text)),
    CONSTRAINT staff_role_check CHECK (((role)::text = ANY ((ARRAY['owner'::character varying, 'manager'::character varying, 'viewer'::character varying])::text[])))
);

ALTER TABLE public.staff ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.staff_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.task (
    name character varying(40) NOT NULL,
    run uuid,
    alive_until timestamp with time zone,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    reached character varying(60),
    runs bigint DEFAULT 0 NOT NULL,
    tenants integer DEFAULT 0 NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    failed_at timestamp with time zone,
    error text,
    CONSTRAINT task_check CHECK (((run IS NULL) = (alive_until IS NULL)))
);

CREATE TABLE public.tenant (
    id uuid NOT NULL,
    slug character varying(60) NOT NULL,
    schema character varying(63) NOT NULL,
    name character varying(200) NOT NULL,
    status character varying(10) DEFAULT 'active'::character varying NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    version character varying(100),
    migration_error text,
    token_rate real,
    token_burst integer,
    token_concurrency integer,
    pruned_before timestamp with time zone,
    thinned_before timestamp with time zone,
    thinned_since timestamp with time zone,
    CONSTRAINT tenant_check CHECK (((thinned_before IS NULL) = (thinned_since IS NULL))),
    CONSTRAINT tenant_name_check CHECK (((name)::text <> ''::text)),
    CONSTRAINT tenant_status_check CHECK (((status)::text = ANY ((ARRAY['active'::character varying, 'suspended'::character varying])::text[]))),
    CONSTRAINT tenant_thinned_before_check CHECK ((date_trunc('day'::text, (thinned_before AT TIME ZONE 'UTC'::text)) = (thinned_before AT TIME ZONE 'UTC'::text))),
    CONSTRAINT tenant_token_burst_check CHECK ((token_burst > 0)),
    CONSTRAINT tenant_token_concurrency_check CHECK ((token_concurrency > 0)),
    CONSTRAINT tenant_token_rate_check CHECK ((token_rate > (0)::double precision))
);

CREATE TABLE public.tenant_migration (
    id integer NOT NULL,
    tenant uuid NOT NULL,
    migration character varying(100) NOT NULL,
    ran_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE SEQUENCE public.tenant_migration_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.tenant_migration_id_seq OWNED BY public.tenant_migration.id;

ALTER TABLE ONLY public.migration ALTER COLUMN id SET DEFAULT nextval('public.migration_id_seq'::regclass);

ALTER TABLE ONLY public.tenant_migration ALTER COLUMN id SET DEFAULT nextval('public.tenant_migration_id_seq'::regclass);

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.one_time_link
    ADD CONSTRAINT one_time_link_digest_key UNIQUE (digest);

ALTER TABLE ONLY public.one_time_link
    ADD CONSTRAINT one_time_link_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.request_limit
    ADD CONSTRAINT request_limit_pkey PRIMARY KEY (key);

ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_digest_key UNIQUE (digest);

ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.sign_in_attempt
    ADD CONSTRAINT sign_in_attempt_pkey PRIMARY KEY (key);

ALTER TABLE ONLY public.staff
    ADD CONSTRAINT staff_email_key UNIQUE (email);

ALTER TABLE ONLY public.staff
    ADD CONSTRAINT staff_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.task
    ADD CONSTRAINT task_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.tenant_migration
    ADD CONSTRAINT tenant_migration_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.tenant_migration
    ADD CONSTRAINT tenant_migration_tenant_migration_key UNIQUE (tenant, migration);

ALTER TABLE ONLY public.tenant
    ADD CONSTRAINT tenant_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.tenant
    ADD CONSTRAINT tenant_schema_key UNIQUE (schema);

ALTER TABLE ONLY public.tenant
    ADD CONSTRAINT tenant_slug_key UNIQUE (slug);

CREATE INDEX audit_log_actor_at_idx ON public.audit_log USING btree (actor, at);

CREATE INDEX audit_log_at_idx ON public.audit_log USING btree (at);

CREATE INDEX audit_log_subject_key_at_idx ON public.audit_log USING btree (subject, key, at);

CREATE TRIGGER audit AFTER INSERT ON public.one_time_link FOR EACH ROW EXECUTE FUNCTION public.gokart_audit('digest');

CREATE TRIGGER audit AFTER DELETE ON public.session FOR EACH ROW WHEN (((current_setting('gokart.actor'::text, true) <> ''::text) AND (old.expires_at > now()))) EXECUTE FUNCTION public.gokart_audit('digest');

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE OF email, name, active, password, totp_secret, recovery_codes, role ON public.staff FOR EACH ROW EXECUTE FUNCTION public.gokart_audit('password', 'totp_secret', 'recovery_codes');

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE OF slug, name, status, token_rate, token_burst, token_concurrency ON public.tenant FOR EACH ROW EXECUTE FUNCTION public.gokart_audit();

CREATE TRIGGER audit_version AFTER UPDATE OF version ON public.tenant FOR EACH ROW WHEN ((old.version IS NOT NULL)) EXECUTE FUNCTION public.gokart_audit();

CREATE TRIGGER changed AFTER INSERT OR DELETE OR UPDATE ON public.tenant FOR EACH ROW EXECUTE FUNCTION public.gokart_tenant_changed();

CREATE TRIGGER keep_an_owner_changed AFTER UPDATE OF role, active, password ON public.staff FOR EACH ROW WHEN ((((old.role)::text = 'owner'::text) AND old.active AND (old.password IS NOT NULL) AND (NOT (((new.role)::text = 'owner'::text) AND new.active AND (new.password IS NOT NULL))))) EXECUTE FUNCTION public.keep_an_owner();

CREATE TRIGGER keep_an_owner_deleted AFTER DELETE ON public.staff FOR EACH ROW WHEN ((((old.role)::text = 'owner'::text) AND old.active AND (old.password IS NOT NULL))) EXECUTE FUNCTION public.keep_an_owner();

CREATE TRIGGER unchangeable BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit_log FOR EACH STATEMENT EXECUTE FUNCTION public.gokart_audit_log_is_kept();

ALTER TABLE ONLY public.one_time_link
    ADD CONSTRAINT one_time_link_staff_fkey FOREIGN KEY (staff) REFERENCES public.staff(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_staff_fkey FOREIGN KEY (staff) REFERENCES public.staff(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.tenant_migration
    ADD CONSTRAINT tenant_migration_tenant_fkey FOREIGN KEY (tenant) REFERENCES public.tenant(id) ON DELETE CASCADE;

-- Whether a change `r` (with `changed_at` and `xid`) was not visible at the time of a snapshot, or of an instant: then
-- as_of_transactions is null. No transaction that changes figures takes an hour: what was recorded an hour before had been
-- committed, also if it was on another server, where transactions had other numbers.
(
    r.changed_at > :as_of_taken::timestamptz
    OR :as_of_transactions::text IS NOT NULL
        AND r.changed_at > :as_of_began::timestamptz - interval '1 hour'
        AND NOT pg_visible_in_snapshot(r.xid, :as_of_transactions::text::pg_snapshot)
)

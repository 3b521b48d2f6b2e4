SELECT pg_advisory_lock($1);

SELECT ALL "migration"."name" AS "name", "migration"."ran_on" AS "ran_on" FROM "migration" WHERE "migration"."app_name" = $1 ORDER BY "migration"."ran_on" ASC;

INSERT INTO "migration" ("id","name","app_name","ran_on") VALUES (DEFAULT,$1,$2,$3) RETURNING "id";

SELECT ALL "tenant"."slug" AS "slug" FROM "tenant" ORDER BY "tenant"."slug" ASC;

INSERT INTO "tenant" ("id","slug","schema","name","status","created_at","token_rate","token_burst","token_concurrency","pruned_before","thinned_before","thinned_since","version","migration_error") VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14) RETURNING "id";

SELECT ALL "tenant_migration"."migration" AS "migration" FROM "tenant_migration" WHERE "tenant_migration"."tenant" = $1;

SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus');

INSERT INTO tenant_migration (tenant, migration) VALUES ($1, $2);

UPDATE "tenant" SET "version" = $1, "migration_error" = $2 WHERE "tenant"."id" = $3;

INSERT INTO t_acme.partner (id, name) VALUES ($1, $2);

SELECT id, slug, name, status = 'suspended' AS suspended, created_at, token_rate, token_burst, token_concurrency, pruned_before, thinned_before FROM tenant WHERE slug = $1;

UPDATE "tenant" SET "name" = $1 WHERE "tenant"."slug" = $2 RETURNING "id";

UPDATE t_acme.partner SET name = $3 WHERE id = $1 AND name = $2;

UPDATE "tenant" SET "token_rate" = $1, "token_burst" = $2, "token_concurrency" = $3 WHERE "tenant"."slug" = $4 RETURNING "id";

SELECT EXISTS(SELECT ALL "advertiser"."id" AS "id", "advertiser"."name" AS "name", "advertiser"."status" AS "status", "advertiser"."singular_enabled" AS "singular_enabled", "advertiser"."created_at" AS "created_at" FROM "t_acme"."advertiser" WHERE "advertiser"."id" = $1) AS "exists";

INSERT INTO "t_acme"."advertiser" ("id","name","status","singular_enabled","created_at") VALUES ($1,$2,$3,$4,$5) RETURNING "id";

INSERT INTO "t_acme"."api_token" ("id","advertiser","replaces","name","digest","hint","scopes","networks","rate","burst","concurrency","created_by","created_at","expires_at","revoked_at","last_used_at","last_used_from") VALUES (DEFAULT,$1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16) RETURNING "id";

UPDATE "t_acme"."api_token" SET "rate" = $1, "burst" = $2, "concurrency" = $3 WHERE "api_token"."id" = $4 RETURNING "id";

SELECT pg_notify($1, $2);

SELECT ALL "api_token"."id" AS "id", "api_token"."advertiser" AS "advertiser", "api_token"."replaces" AS "replaces", "api_token"."name" AS "name", "api_token"."digest" AS "digest", "api_token"."hint" AS "hint", "api_token"."scopes" AS "scopes", "api_token"."networks" AS "networks", "api_token"."rate" AS "rate", "api_token"."burst" AS "burst", "api_token"."concurrency" AS "concurrency", "api_token"."created_by" AS "created_by", "api_token"."created_at" AS "created_at", "api_token"."expires_at" AS "expires_at", "api_token"."revoked_at" AS "revoked_at", "api_token"."last_used_at" AS "last_used_at", "api_token"."last_used_from" AS "last_used_from" FROM "t_acme"."api_token" WHERE "api_token"."id" = $1 LIMIT 1 FOR UPDATE;

SELECT ALL "api_token"."id" AS "id", "api_token"."advertiser" AS "advertiser", "api_token"."replaces" AS "replaces", "api_token"."name" AS "name", "api_token"."digest" AS "digest", "api_token"."hint" AS "hint", "api_token"."scopes" AS "scopes", "api_token"."networks" AS "networks", "api_token"."rate" AS "rate", "api_token"."burst" AS "burst", "api_token"."concurrency" AS "concurrency", "api_token"."created_by" AS "created_by", "api_token"."created_at" AS "created_at", "api_token"."expires_at" AS "expires_at", "api_token"."revoked_at" AS "revoked_at", "api_token"."last_used_at" AS "last_used_at", "api_token"."last_used_from" AS "last_used_from" FROM "t_acme"."api_token" WHERE "api_token"."replaces" = $1 LIMIT 1;

UPDATE "t_acme"."api_token" SET "expires_at" = $1 WHERE "api_token"."id" = $2;

SELECT EXISTS(SELECT ALL "api_token"."id" AS "id", "api_token"."advertiser" AS "advertiser", "api_token"."replaces" AS "replaces", "api_token"."name" AS "name", "api_token"."digest" AS "digest", "api_token"."hint" AS "hint", "api_token"."scopes" AS "scopes", "api_token"."networks" AS "networks", "api_token"."rate" AS "rate", "api_token"."burst" AS "burst", "api_token"."concurrency" AS "concurrency", "api_token"."created_by" AS "created_by", "api_token"."created_at" AS "created_at", "api_token"."expires_at" AS "expires_at", "api_token"."revoked_at" AS "revoked_at", "api_token"."last_used_at" AS "last_used_at", "api_token"."last_used_from" AS "last_used_from" FROM "t_acme"."api_token" WHERE "api_token"."id" = $1) AS "exists";

UPDATE "t_acme"."api_token" SET "revoked_at" = $1 WHERE ("api_token"."id" = $2 AND "api_token"."revoked_at" IS NULL);

UPDATE "t_acme"."advertiser" SET "singular_enabled" = $1 WHERE "advertiser"."id" = $2 RETURNING "id";

INSERT INTO task (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING;

SELECT 1;

DELETE FROM public.request_limit WHERE key IN (
    SELECT key FROM public.request_limit WHERE expires_at < extract(epoch FROM now())
    LIMIT $1 FOR UPDATE SKIP LOCKED
) RETURNING 1;

UPDATE task SET run = $3, alive_until = now() + $4::interval,
            started_at = CASE WHEN run IS NULL THEN now() ELSE started_at END,
            runs = runs + (run IS NULL)::int,
            tenants = CASE WHEN run IS NULL THEN 0 ELSE tenants END,
            failures = CASE WHEN run IS NULL THEN 0 ELSE failures END
        WHERE name = (
            SELECT name FROM task WHERE name = ANY($2::text[]) AND CASE
                WHEN run IS NULL THEN started_at IS NULL OR CASE WHEN started_at > now() THEN now()
ELSE started_at + $1::interval / CASE WHEN failures > 0 THEN 24 ELSE 1 END END <= now()
                ELSE alive_until <= now() OR alive_until > now() + $4::interval END
            ORDER BY started_at NULLS FIRST LIMIT 1 FOR UPDATE SKIP LOCKED
        )
        RETURNING run, name, reached;

SELECT now();

SELECT id, slug, name, status = 'suspended' AS suspended, created_at, token_rate, token_burst, token_concurrency, pruned_before, thinned_before FROM tenant WHERE slug > $1 ORDER BY slug LIMIT 1;

SELECT to_regclass($1);

UPDATE task SET alive_until = now() + $3::interval, reached = $4::text,
    tenants = tenants + ($4::text <> '')::int,
    failures = failures + ($5::text IS NOT NULL)::int, error = coalesce($5::text, error),
    failed_at = CASE WHEN $5::text IS NULL THEN failed_at ELSE now() END
WHERE name = $1 AND run = $2 RETURNING true;

UPDATE task SET run = NULL, alive_until = NULL, reached = NULL, ended_at = now()
WHERE name = $1 AND run = $2 RETURNING true;

SELECT thinned_before, thinned_since FROM tenant WHERE id = $1;

SELECT key FROM t_acme.offer o CROSS JOIN LATERAL (
    SELECT 1 FROM t_acme.by_quarter WHERE offer = o.key AND bucket < $1 LIMIT 1
) AS q
ORDER BY key LIMIT $2;

DELETE FROM public.session WHERE expires_at <= $1;

DELETE FROM public.one_time_link WHERE expires_at <= $1;

DELETE FROM public.sign_in_attempt WHERE key IN (
    SELECT key FROM public.sign_in_attempt WHERE since < $1 FOR UPDATE SKIP LOCKED
);

DELETE FROM t_acme.session WHERE expires_at <= $1;

DELETE FROM t_acme.one_time_link WHERE expires_at <= $1;

DELETE FROM t_acme.sign_in_attempt WHERE key IN (
    SELECT key FROM t_acme.sign_in_attempt WHERE since < $1 FOR UPDATE SKIP LOCKED
);

DELETE FROM t_acme.intake WHERE id IN (
    SELECT id FROM t_acme.intake
    WHERE received_at < $1 AND received_at < (SELECT max(received_at) FROM t_acme.intake)
    ORDER BY received_at LIMIT $2
);

INSERT INTO t_acme.staff AS p (email, name, role) VALUES ($1, $2, $3)
RETURNING p.id, p.email, p.name, p.last_sign_in_at, p.totp_secret IS NOT NULL AS totp, p.role;

SELECT FROM t_acme.staff WHERE id = $1 FOR NO KEY UPDATE;

DELETE FROM t_acme.one_time_link WHERE staff = $1 AND used_at IS NULL;

INSERT INTO t_acme.one_time_link (digest, staff, purpose, created_by, expires_at)
VALUES ($1, $2, $3, $4, now() + $5::interval);

SELECT l.purpose, p.id, p.email, p.name, p.last_sign_in_at, p.totp_secret IS NOT NULL AS totp, p.role
FROM t_acme.one_time_link l JOIN t_acme.staff p ON p.id = l.staff
WHERE l.digest = $1 AND l.used_at IS NULL AND l.expires_at > now() AND p.active;

UPDATE t_acme.staff SET password = $2 WHERE id = $1;

UPDATE t_acme.one_time_link SET used_at = now()
WHERE digest = $1 AND used_at IS NULL AND expires_at > now() RETURNING id;

DELETE FROM t_acme.session WHERE staff = $1;

DELETE FROM t_acme.session WHERE expires_at <= now();

INSERT INTO t_acme.session (digest, staff, expires_at, awaits_code, address, user_agent)
VALUES ($1, $2, now() + $3::interval, $4, $5, $6);

DELETE FROM t_acme.sign_in_attempt WHERE key IN (
    SELECT key FROM t_acme.sign_in_attempt
    WHERE key = ANY($1::text[]) OR since < now() - $2::interval FOR UPDATE SKIP LOCKED
);

UPDATE t_acme.staff SET last_sign_in_at = now() WHERE id = $1;

INSERT INTO t_acme.advertiser_login AS p (email, name, advertiser, scopes) VALUES ($1, $2, $3, $4)
RETURNING p.id, p.email, p.name, p.last_sign_in_at, p.totp_secret IS NOT NULL AS totp, p.advertiser, p.scopes;

SELECT FROM t_acme.advertiser_login WHERE id = $1 FOR NO KEY UPDATE;

DELETE FROM t_acme.one_time_link WHERE login = $1 AND used_at IS NULL;

INSERT INTO t_acme.one_time_link (digest, login, purpose, created_by, expires_at)
VALUES ($1, $2, $3, $4, now() + $5::interval);

SELECT l.purpose, p.id, p.email, p.name, p.last_sign_in_at, p.totp_secret IS NOT NULL AS totp, p.advertiser, p.scopes
FROM t_acme.one_time_link l JOIN t_acme.advertiser_login p ON p.id = l.login
WHERE l.digest = $1 AND l.used_at IS NULL AND l.expires_at > now() AND p.active;

UPDATE t_acme.advertiser_login SET password = $2 WHERE id = $1;

DELETE FROM t_acme.session WHERE login = $1;

INSERT INTO t_acme.session (digest, login, expires_at, awaits_code, address, user_agent)
VALUES ($1, $2, now() + $3::interval, $4, $5, $6);

UPDATE t_acme.advertiser_login SET last_sign_in_at = now() WHERE id = $1;

INSERT INTO public.staff AS p (email, name, role) VALUES ($1, $2, $3)
RETURNING p.id, p.email, p.name, p.last_sign_in_at, p.totp_secret IS NOT NULL AS totp, p.role;

SELECT FROM public.staff WHERE id = $1 FOR NO KEY UPDATE;

DELETE FROM public.one_time_link WHERE staff = $1 AND used_at IS NULL;

INSERT INTO public.one_time_link (digest, staff, purpose, created_by, expires_at)
VALUES ($1, $2, $3, $4, now() + $5::interval);

SELECT l.purpose, p.id, p.email, p.name, p.last_sign_in_at, p.totp_secret IS NOT NULL AS totp, p.role
FROM public.one_time_link l JOIN public.staff p ON p.id = l.staff
WHERE l.digest = $1 AND l.used_at IS NULL AND l.expires_at > now() AND p.active;

UPDATE public.staff SET password = $2 WHERE id = $1;

UPDATE public.one_time_link SET used_at = now()
WHERE digest = $1 AND used_at IS NULL AND expires_at > now() RETURNING id;

DELETE FROM public.session WHERE staff = $1;

DELETE FROM public.session WHERE expires_at <= now();

INSERT INTO public.session (digest, staff, expires_at, awaits_code, address, user_agent)
VALUES ($1, $2, now() + $3::interval, $4, $5, $6);

DELETE FROM public.sign_in_attempt WHERE key IN (
    SELECT key FROM public.sign_in_attempt
    WHERE key = ANY($1::text[]) OR since < now() - $2::interval FOR UPDATE SKIP LOCKED
);

UPDATE public.staff SET last_sign_in_at = now() WHERE id = $1;

SELECT s.id AS session, s.awaits_code, s.seen_at <= now() - $2::interval AS touch,
    (SELECT staff_totp_required FROM t_acme.setting) AND p.totp_secret IS NULL AS totp_required, p.id, p.email, p.name, p.last_sign_in_at, p.totp_secret IS NOT NULL AS totp, p.role
FROM t_acme.session s JOIN t_acme.staff p ON p.id = s.staff
WHERE s.digest = $1 AND s.expires_at > now() AND p.active;

SELECT * FROM (
SELECT t.id, t.advertiser, a.name AS advertiser_name, t.name, t.hint, t.scopes, t.networks, t.created_by, t.created_at,
    t.expires_at, t.revoked_at, t.last_used_at, t.last_used_from, t.replaces,
    s.id AS successor, s.hint AS successor_hint, s.created_at AS successor_created_at,
    CASE
        WHEN t.revoked_at IS NOT NULL THEN 'revoked'
        WHEN t.expires_at <= now() THEN 'expired'
        WHEN s.id IS NOT NULL THEN 'rotated'
        WHEN t.expires_at <= now() + interval '14 days' THEN 'expiring'
        ELSE 'live'
    END AS state
FROM t_acme.api_token t LEFT JOIN t_acme.advertiser a ON a.id = t.advertiser
    LEFT JOIN t_acme.api_token s ON s.replaces = t.id
) AS key
            WHERE ($1::uuid IS NULL OR advertiser = $1)
                AND (state = 'expiring' OR state = 'rotated' AND last_used_at > successor_created_at)
            ORDER BY expires_at, id;

INSERT INTO t_acme.sign_in_attempt AS a (key, attempts, since) VALUES ($1, 1, now())
ON CONFLICT (key) DO UPDATE SET
    attempts = CASE WHEN a.since <= now() - $2::interval THEN 1 ELSE a.attempts + 1 END,
    since = CASE WHEN a.since <= now() - $2::interval THEN now() ELSE a.since END
RETURNING attempts, extract(epoch FROM since + $2::interval - now())::float AS wait;

SELECT p.password, p.id, p.email, p.name, p.last_sign_in_at, p.totp_secret IS NOT NULL AS totp, p.role FROM t_acme.staff p WHERE email = $1 AND active;

UPDATE t_acme.staff SET totp_secret = $2, totp_step = $3, recovery_codes = $4 WHERE id = $1;

DELETE FROM t_acme.session WHERE staff = $1 AND id IS DISTINCT FROM $2;

SELECT totp_secret, totp_step, recovery_codes FROM t_acme.staff WHERE id = $1 FOR UPDATE;

UPDATE t_acme.staff SET recovery_codes = array_remove(recovery_codes, $2) WHERE id = $1;

DELETE FROM t_acme.session WHERE staff = $1 AND id = $2 RETURNING id;

SELECT s.id AS session, s.awaits_code, s.seen_at <= now() - $2::interval AS touch,
    false AND p.totp_secret IS NULL AS totp_required, p.id, p.email, p.name, p.last_sign_in_at, p.totp_secret IS NOT NULL AS totp, p.advertiser, p.scopes
FROM t_acme.session s JOIN t_acme.advertiser_login p ON p.id = s.login
WHERE s.digest = $1 AND s.expires_at > now() AND p.active;

SELECT * FROM t_acme.advertiser WHERE id = $1;

SELECT p.password, p.id, p.email, p.name, p.last_sign_in_at, p.totp_secret IS NOT NULL AS totp, p.advertiser, p.scopes FROM t_acme.advertiser_login p WHERE email = $1 AND active;

UPDATE t_acme.advertiser_login SET totp_secret = $2, totp_step = $3, recovery_codes = $4 WHERE id = $1;

DELETE FROM t_acme.session WHERE login = $1 AND id IS DISTINCT FROM $2;

SELECT totp_secret, totp_step, recovery_codes FROM t_acme.advertiser_login WHERE id = $1 FOR UPDATE;

UPDATE t_acme.advertiser_login SET recovery_codes = array_remove(recovery_codes, $2) WHERE id = $1;

DELETE FROM t_acme.session WHERE login = $1 AND id = $2 RETURNING id;

SELECT t.id, t.advertiser, t.scopes, t.networks, t.expires_at, t.rate, t.burst, t.concurrency,
    coalesce(a.status = 'active', true) AS active, coalesce(a.singular_enabled, false) AS singular_enabled
FROM t_acme.api_token t LEFT JOIN t_acme.advertiser a ON a.id = t.advertiser
WHERE t.digest = $1 AND t.revoked_at IS NULL;

SELECT r.tokens, r.taken, r.remains, r.lent
FROM unnest($1::text[], $2::float8[], $3::float8[], $4::bigint[], $5::int[], $6::int[], $7::int[])
    WITH ORDINALITY AS a (key, rate, burst, most, back, held, want, n),
    LATERAL public.gokart_limit(a.key, $8, a.rate, a.burst, a.most, a.back, a.held, a.want, $9, $10, $11) r
ORDER BY a.n;

SELECT id FROM t_acme.advertiser WHERE id = ANY($1::uuid[]);

SELECT id, advertiser, name, campaign_name, app_name, store_id, os FROM t_acme.offer WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE;

INSERT INTO t_acme.offer (id, advertiser, name, campaign_name, app_name, store_id, os) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) AS u (id, advertiser, name, campaign_name, app_name, store_id, os) ON CONFLICT (id) DO UPDATE SET advertiser = excluded.advertiser, name = excluded.name, campaign_name = excluded.campaign_name, app_name = excluded.app_name, store_id = excluded.store_id, os = excluded.os;

INSERT INTO t_acme.intake (kind, token, accepted, duplicates, rejected)
VALUES ($1, $2, $3, $4, $5) RETURNING id;

INSERT INTO t_acme.intake_reject (intake, index, record, field, message)
SELECT $1, * FROM unnest($2::int[], $3::text[], $4::text[], $5::text[]);

UPDATE t_acme.offer t SET advertiser = u.advertiser, name = u.name, campaign_name = u.campaign_name, app_name = u.app_name, store_id = u.store_id, os = u.os FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) AS u (id, advertiser, name, campaign_name, app_name, store_id, os) WHERE t.id = u.id;

SELECT id, name FROM t_acme.partner WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE;

INSERT INTO t_acme.partner (id, name) SELECT * FROM unnest($1::uuid[], $2::text[]) AS u (id, name) ON CONFLICT (id) DO UPDATE SET name = excluded.name;

SELECT id, key FROM t_acme.offer WHERE id = ANY($1::uuid[]);

SELECT id FROM t_acme.partner WHERE id = ANY($1::uuid[]);

SELECT id, key FROM t_acme.partner WHERE id = ANY($1::uuid[]);

INSERT INTO t_acme.conversion
        (id, sent_ticks, callback, occurred_at, cost, offer, partner, status, rejection_reason, click)
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::timestamptz[], $5::bigint[], $6::int[], $7::int[],
$8::text[], $9::text[], $10::uuid[])
AS t (id, sent_ticks, callback, occurred_at, cost, offer, partner, status, rejection_reason, click) ON CONFLICT DO NOTHING RETURNING id;

SELECT id, sent_ticks, callback, occurred_at, cost, offer, partner, status, rejection_reason, click
FROM t_acme.conversion WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE;

UPDATE t_acme.conversion c SET (sent_ticks, callback, occurred_at, cost, offer, partner, status,
            rejection_reason, click, received_at) = (t.sent_ticks, t.callback, t.occurred_at, t.cost, t.offer,
            t.partner, t.status, t.rejection_reason, t.click, now())
        FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::timestamptz[], $5::bigint[], $6::int[], $7::int[],
$8::text[], $9::text[], $10::uuid[])
AS t (id, sent_ticks, callback, occurred_at, cost, offer, partner, status, rejection_reason, click) WHERE c.id = t.id;

WITH 
    quarter AS (
        SELECT * FROM unnest($2::int[], $3::timestamptz[], $4::int[], $5::int[], $6::int[], $7::int[], $8::bigint[])
            AS u (offer, bucket, partner, conversions, clicks, views, cost)
    )
    ,
    day AS MATERIALIZED (
        SELECT offer, (bucket AT TIME ZONE 'UTC')::date AS bucket, partner, sum(conversions) AS conversions, sum(clicks) AS clicks, sum(views) AS views, sum(cost) AS cost FROM quarter GROUP BY 1, 2, 3
    ),
    month AS MATERIALIZED (
        SELECT offer, date_trunc('month', bucket::timestamp)::date AS bucket, partner, sum(conversions) AS conversions, sum(clicks) AS clicks, sum(views) AS views, sum(cost) AS cost
        FROM day GROUP BY 1, 2, 3
    ),
    to_quarters AS (
    INSERT INTO t_acme.by_quarter AS t (offer, bucket, partner, conversions, clicks, views, cost)
    SELECT offer, bucket, partner, conversions, clicks, views, cost FROM quarter WHERE true
    ORDER BY offer, bucket, partner
    ON CONFLICT (offer, bucket, partner) DO UPDATE SET
        conversions = t.conversions + excluded.conversions,
        clicks = t.clicks + excluded.clicks,
        views = t.views + excluded.views,
        cost = t.cost + excluded.cost
    RETURNING true
),
    to_days AS (
    INSERT INTO t_acme.by_day AS t (offer, bucket, partner, conversions, clicks, views, cost)
    SELECT offer, bucket, partner, conversions, clicks, views, cost FROM day WHERE (SELECT count(*) FROM to_quarters) >= 0
    ORDER BY offer, bucket, partner
    ON CONFLICT (offer, bucket, partner) DO UPDATE SET
        conversions = t.conversions + excluded.conversions,
        clicks = t.clicks + excluded.clicks,
        views = t.views + excluded.views,
        cost = t.cost + excluded.cost
    RETURNING true
),
    to_months AS (
    INSERT INTO t_acme.by_month AS t (offer, bucket, partner, conversions, clicks, views, cost)
    SELECT offer, bucket, partner, conversions, clicks, views, cost FROM month WHERE (SELECT count(*) FROM to_days) >= 0
    ORDER BY offer, bucket, partner
    ON CONFLICT (offer, bucket, partner) DO UPDATE SET
        conversions = t.conversions + excluded.conversions,
        clicks = t.clicks + excluded.clicks,
        views = t.views + excluded.views,
        cost = t.cost + excluded.cost
    RETURNING true
),
    marked_days AS (
    INSERT INTO t_acme.changed_day AS t (offer, bucket, version, changed_at)
    SELECT DISTINCT offer, bucket, 1, $1::timestamptz FROM day WHERE (SELECT count(*) FROM to_months) >= 0 ORDER BY offer, bucket
    ON CONFLICT (offer, bucket)
        DO UPDATE SET version = t.version + 1, changed_at = greatest(t.changed_at, excluded.changed_at)
    RETURNING true
),
    marked_months AS (
    INSERT INTO t_acme.changed_month AS t (offer, bucket, version, changed_at)
    SELECT DISTINCT offer, bucket, 1, $1::timestamptz FROM month WHERE (SELECT count(*) FROM marked_days) >= 0 ORDER BY offer, bucket
    ON CONFLICT (offer, bucket)
        DO UPDATE SET version = t.version + 1, changed_at = greatest(t.changed_at, excluded.changed_at)
    RETURNING true
)
    SELECT count(*) FROM quarter WHERE (SELECT count(*) FROM marked_months) >= 0;

INSERT INTO t_acme.offer (id, advertiser, name) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[])
ON CONFLICT DO NOTHING;

SELECT id, sent_ticks, callback, occurred_at, cost, offer, partner, status, rejection_reason, click
FROM t_acme.conversion WHERE id = ANY($1::uuid[]) ORDER BY id;

SELECT o.key, o.name, a.id, a.name, a.currency
FROM t_acme.offer o JOIN t_acme.advertiser a ON a.id = o.advertiser WHERE o.key = ANY($1::int[]);

SELECT key, name FROM t_acme.partner WHERE key = ANY($1::int[]);

SELECT pg_advisory_xact_lock(hashtextextended($1, 0));

SELECT pruned_before > $1 FROM tenant WHERE schema = $2;

SELECT id::text, key FROM t_acme.offer WHERE id = ANY($1::uuid[]);

SELECT id::text, key FROM t_acme.partner WHERE id = ANY($1::uuid[]);

UPDATE t_acme.api_token SET last_used_at = used.at, last_used_from = used.address
FROM unnest($1::int[], $2::timestamptz[], $3::inet[]) AS used (id, at, address)
WHERE api_token.id = used.id
    AND (last_used_at IS NULL OR last_used_at <= used.at - $4::interval);

WITH 
    fresh AS (
        INSERT INTO t_acme.event (id, occurred_at, offer, partner, is_click)
        SELECT id, to_timestamp(seconds), offer, partner, is_click
        FROM unnest($2::uuid[], $3::float8[], $4::int[], $5::int[], $6::bool[])
            AS t (id, seconds, offer, partner, is_click)
        ORDER BY id
        ON CONFLICT DO NOTHING
        RETURNING occurred_at, offer, partner, is_click
    ),
    quarter AS MATERIALIZED (
        SELECT offer, date_bin('15 minutes', occurred_at, 'epoch') AS bucket, partner, 0 AS conversions,
            (count(*) FILTER (WHERE is_click))::int AS clicks, (count(*) FILTER (WHERE NOT is_click))::int AS views,
            0 AS cost
        FROM fresh GROUP BY 1, 2, 3
    )
    ,
    day AS MATERIALIZED (
        SELECT offer, (bucket AT TIME ZONE 'UTC')::date AS bucket, partner, sum(conversions) AS conversions, sum(clicks) AS clicks, sum(views) AS views, sum(cost) AS cost FROM quarter GROUP BY 1, 2, 3
    ),
    month AS MATERIALIZED (
        SELECT offer, date_trunc('month', bucket::timestamp)::date AS bucket, partner, sum(conversions) AS conversions, sum(clicks) AS clicks, sum(views) AS views, sum(cost) AS cost
        FROM day GROUP BY 1, 2, 3
    ),
    to_quarters AS (
    INSERT INTO t_acme.by_quarter AS t (offer, bucket, partner, conversions, clicks, views, cost)
    SELECT offer, bucket, partner, conversions, clicks, views, cost FROM quarter WHERE true
    ORDER BY offer, bucket, partner
    ON CONFLICT (offer, bucket, partner) DO UPDATE SET
        conversions = t.conversions + excluded.conversions,
        clicks = t.clicks + excluded.clicks,
        views = t.views + excluded.views,
        cost = t.cost + excluded.cost
    RETURNING true
),
    to_days AS (
    INSERT INTO t_acme.by_day AS t (offer, bucket, partner, conversions, clicks, views, cost)
    SELECT offer, bucket, partner, conversions, clicks, views, cost FROM day WHERE (SELECT count(*) FROM to_quarters) >= 0
    ORDER BY offer, bucket, partner
    ON CONFLICT (offer, bucket, partner) DO UPDATE SET
        conversions = t.conversions + excluded.conversions,
        clicks = t.clicks + excluded.clicks,
        views = t.views + excluded.views,
        cost = t.cost + excluded.cost
    RETURNING true
),
    to_months AS (
    INSERT INTO t_acme.by_month AS t (offer, bucket, partner, conversions, clicks, views, cost)
    SELECT offer, bucket, partner, conversions, clicks, views, cost FROM month WHERE (SELECT count(*) FROM to_days) >= 0
    ORDER BY offer, bucket, partner
    ON CONFLICT (offer, bucket, partner) DO UPDATE SET
        conversions = t.conversions + excluded.conversions,
        clicks = t.clicks + excluded.clicks,
        views = t.views + excluded.views,
        cost = t.cost + excluded.cost
    RETURNING true
),
    marked_days AS (
    INSERT INTO t_acme.changed_day AS t (offer, bucket, version, changed_at)
    SELECT DISTINCT offer, bucket, 1, $1::timestamptz FROM day WHERE (SELECT count(*) FROM to_months) >= 0 ORDER BY offer, bucket
    ON CONFLICT (offer, bucket)
        DO UPDATE SET version = t.version + 1, changed_at = greatest(t.changed_at, excluded.changed_at)
    RETURNING true
),
    marked_months AS (
    INSERT INTO t_acme.changed_month AS t (offer, bucket, version, changed_at)
    SELECT DISTINCT offer, bucket, 1, $1::timestamptz FROM month WHERE (SELECT count(*) FROM marked_days) >= 0 ORDER BY offer, bucket
    ON CONFLICT (offer, bucket)
        DO UPDATE SET version = t.version + 1, changed_at = greatest(t.changed_at, excluded.changed_at)
    RETURNING true
)
    SELECT coalesce(sum(clicks + views), 0)::int FROM quarter WHERE (SELECT count(*) FROM marked_months) >= 0;

WITH mine AS MATERIALIZED (
            SELECT * FROM t_acme.offer WHERE advertiser = $1 AND ($2::uuid IS NULL OR id = $2)
        ), 
        validators AS (
            SELECT (SELECT received_at FROM t_acme.intake ORDER BY received_at DESC LIMIT 1) AS through,
                (SELECT string_agg(concat_ws(':', o.key, o.version, (SELECT sum(version) FROM (SELECT version FROM t_acme.changed_month WHERE offer = o.key AND bucket >= $5::date AND bucket < $6::date) AS c)), ',' ORDER BY o.key) FROM mine o)
                    AS state,
                (SELECT sum(hashint8extended((key::bigint << 32) + version, 0)) FROM t_acme.partner) AS names
        ) SELECT v.*, r.* FROM validators v, (
            SELECT count(*) AS rows, convert_to(string_agg(concat('{"offerId":"', f.id, '","offerName":', to_json(f.name), ',"totalConversions":', f.conversions, ',"totalClicks":', f.clicks, ',"totalViews":', f.views, ',"revenue":', trim_scale(f.cost * 0.000001), ',"publisherName":', to_json(p.name), '}'), ',' ORDER BY f.name COLLATE "C", p.name COLLATE "C", f.id, p.id), 'UTF8') AS items
            FROM (SELECT o.*, o.key AS offer, b.* FROM mine o CROSS JOIN LATERAL (
            SELECT partner, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks, sum(views)::bigint AS views, sum(cost) AS cost FROM (SELECT partner, conversions, clicks, views, cost FROM t_acme.by_month WHERE offer = o.key AND bucket >= $3::date AND bucket < $4::date) AS b GROUP BY partner
            HAVING sum(conversions) <> 0 OR sum(clicks) <> 0 OR sum(views) <> 0 OR sum(cost) <> 0
        ) AS b LIMIT 2001) AS f JOIN t_acme.partner p ON p.key = f.partner
        ) AS r;

WITH mine AS MATERIALIZED (
            SELECT * FROM t_acme.offer WHERE advertiser = $1 AND ($2::uuid IS NULL OR id = $2)
        ), 
        validators AS (
            SELECT (SELECT received_at FROM t_acme.intake ORDER BY received_at DESC LIMIT 1) AS through,
                (SELECT string_agg(concat_ws(':', o.key, o.version, (SELECT sum(version) FROM (SELECT version FROM t_acme.changed_month WHERE offer = o.key AND bucket >= $3::date AND bucket < $4::date) AS c)), ',' ORDER BY o.key) FROM mine o)
                    AS state,
                (SELECT sum(hashint8extended((key::bigint << 32) + version, 0)) FROM t_acme.partner) AS names
        ) SELECT * FROM validators;

WITH mine AS MATERIALIZED (
            SELECT * FROM t_acme.offer WHERE advertiser = '3dcd46fe-44e8-5e58-a34c-a847565fdc13' AND (NULL::uuid IS NULL OR id = NULL)
        ) SELECT f.id AS "offerId", f.name AS "offerName", f.conversions AS "totalConversions", f.clicks AS "totalClicks", f.views AS "totalViews", trim_scale(f.cost * 0.000001) AS "revenue", p.name AS "publisherName" FROM (SELECT o.*, o.key AS offer, b.* FROM mine o CROSS JOIN LATERAL (
            SELECT partner, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks, sum(views)::bigint AS views, sum(cost) AS cost FROM (SELECT partner, conversions, clicks, views, cost FROM t_acme.by_month WHERE offer = o.key AND bucket >= '2025-05-01'::date AND bucket < '2026-12-01'::date) AS b GROUP BY partner
            HAVING sum(conversions) <> 0 OR sum(clicks) <> 0 OR sum(views) <> 0 OR sum(cost) <> 0
        ) AS b OFFSET 0) AS f JOIN t_acme.partner p ON p.key = f.partner ORDER BY f.name COLLATE "C", p.name COLLATE "C", f.id, p.id;

WITH mine AS MATERIALIZED (
            SELECT * FROM t_acme.offer WHERE advertiser = $1 AND ($2::uuid IS NULL OR id = $2)
        ), 
        validators AS (
            SELECT (SELECT received_at FROM t_acme.intake ORDER BY received_at DESC LIMIT 1) AS through,
                (SELECT string_agg(concat_ws(':', o.key, o.version, (SELECT sum(version) FROM (SELECT version FROM t_acme.changed_day WHERE offer = o.key AND bucket >= $5::date AND bucket < $6::date) AS c)), ',' ORDER BY o.key) FROM mine o)
                    AS state,
                (SELECT sum(hashint8extended((key::bigint << 32) + version, 0)) FROM t_acme.partner) AS names
        ) SELECT v.*, r.* FROM validators v, (
            SELECT count(*) AS rows, convert_to(string_agg(concat('{"offerId":"', f.id, '","offerName":', to_json(f.name), ',"totalConversions":', f.conversions, ',"totalClicks":', f.clicks, ',"totalViews":', f.views, ',"revenue":', trim_scale(f.cost * 0.000001), ',"publisherName":', to_json(p.name), '}'), ',' ORDER BY f.name COLLATE "C", p.name COLLATE "C", f.id, p.id), 'UTF8') AS items
            FROM (SELECT o.*, o.key AS offer, b.* FROM mine o CROSS JOIN LATERAL (SELECT * FROM (SELECT partner, conversions, clicks, views, cost FROM t_acme.by_day WHERE offer = o.key AND bucket >= $3::date AND bucket < $4::date) AS b WHERE conversions <> 0 OR clicks <> 0 OR views <> 0 OR cost <> 0 OFFSET 0) AS b LIMIT 2001) AS f JOIN t_acme.partner p ON p.key = f.partner
        ) AS r;

WITH mine AS MATERIALIZED (
            SELECT * FROM t_acme.offer WHERE advertiser = $1 AND ($2::uuid IS NULL OR id = $2)
        ), 
        validators AS (
            SELECT (SELECT received_at FROM t_acme.intake ORDER BY received_at DESC LIMIT 1) AS through,
                (SELECT string_agg(concat_ws(':', o.key, o.version, (SELECT sum(version) FROM (SELECT version FROM t_acme.changed_day WHERE offer = o.key AND bucket >= $3::date AND bucket < $4::date) AS c)), ',' ORDER BY o.key) FROM mine o)
                    AS state,
                (SELECT sum(hashint8extended((key::bigint << 32) + version, 0)) FROM t_acme.partner) AS names
        ) SELECT * FROM validators;

WITH mine AS MATERIALIZED (
            SELECT * FROM t_acme.offer WHERE advertiser = '3dcd46fe-44e8-5e58-a34c-a847565fdc13' AND (NULL::uuid IS NULL OR id = NULL)
        ) SELECT f.id AS "offerId", f.name AS "offerName", f.conversions AS "totalConversions", f.clicks AS "totalClicks", f.views AS "totalViews", trim_scale(f.cost * 0.000001) AS "revenue", p.name AS "publisherName" FROM (SELECT o.*, o.key AS offer, b.* FROM mine o CROSS JOIN LATERAL (SELECT * FROM (SELECT partner, conversions, clicks, views, cost FROM t_acme.by_day WHERE offer = o.key AND bucket >= '2025-05-19'::date AND bucket < '2025-05-20'::date) AS b WHERE conversions <> 0 OR clicks <> 0 OR views <> 0 OR cost <> 0 OFFSET 0) AS b OFFSET 0) AS f JOIN t_acme.partner p ON p.key = f.partner ORDER BY f.name COLLATE "C", p.name COLLATE "C", f.id, p.id;

WITH mine AS MATERIALIZED (
            SELECT * FROM t_acme.offer WHERE advertiser = $1 AND ($2::uuid IS NULL OR id = $2)
        ), 
        validators AS (
            SELECT (SELECT received_at FROM t_acme.intake ORDER BY received_at DESC LIMIT 1) AS through,
                (SELECT string_agg(concat_ws(':', o.key, o.version, (SELECT sum(version) FROM (SELECT version FROM t_acme.changed_day WHERE offer = o.key AND bucket >= $5::date AND bucket < $6::date) AS c)), ',' ORDER BY o.key) FROM mine o)
                    AS state,
                (SELECT sum(hashint8extended((key::bigint << 32) + version, 0)) FROM t_acme.partner) AS names
        ) SELECT v.*, r.* FROM validators v, (
            SELECT count(*) AS rows, convert_to(string_agg(concat('{"offerId":"', f.id, '","offerName":', to_json(f.name), ',"totalConversions":', f.conversions, ',"totalClicks":', f.clicks, ',"totalViews":', f.views, ',"revenue":', trim_scale(f.cost * 0.000001), ',"publisherName":', to_json(p.name), '}'), ',' ORDER BY f.name COLLATE "C", p.name COLLATE "C", f.id, p.id), 'UTF8') AS items
            FROM (SELECT o.*, o.key AS offer, b.* FROM mine o CROSS JOIN LATERAL (
            SELECT partner, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks, sum(views)::bigint AS views, sum(cost) AS cost FROM (SELECT partner, conversions, clicks, views, cost FROM t_acme.by_quarter WHERE offer = o.key AND bucket >= $3::timestamptz AND bucket < $4::timestamptz) AS b GROUP BY partner
            HAVING sum(conversions) <> 0 OR sum(clicks) <> 0 OR sum(views) <> 0 OR sum(cost) <> 0
        ) AS b LIMIT 2001) AS f JOIN t_acme.partner p ON p.key = f.partner
        ) AS r;

WITH mine AS MATERIALIZED (
            SELECT * FROM t_acme.offer WHERE advertiser = '3dcd46fe-44e8-5e58-a34c-a847565fdc13' AND (NULL::uuid IS NULL OR id = NULL)
        ) SELECT f.id AS "offerId", f.name AS "offerName", f.conversions AS "totalConversions", f.clicks AS "totalClicks", f.views AS "totalViews", trim_scale(f.cost * 0.000001) AS "revenue", p.name AS "publisherName" FROM (SELECT o.*, o.key AS offer, b.* FROM mine o CROSS JOIN LATERAL (
            SELECT partner, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks, sum(views)::bigint AS views, sum(cost) AS cost FROM (SELECT partner, conversions, clicks, views, cost FROM t_acme.by_quarter WHERE offer = o.key AND bucket >= '2025-05-19 10:00:00+00:00'::timestamptz AND bucket < '2025-05-19 15:30:00+00:00'::timestamptz) AS b GROUP BY partner
            HAVING sum(conversions) <> 0 OR sum(clicks) <> 0 OR sum(views) <> 0 OR sum(cost) <> 0
        ) AS b OFFSET 0) AS f JOIN t_acme.partner p ON p.key = f.partner ORDER BY f.name COLLATE "C", p.name COLLATE "C", f.id, p.id;

WITH mine AS MATERIALIZED (
            SELECT * FROM t_acme.offer WHERE advertiser = $1 AND ($2::uuid IS NULL OR id = $2)
        ), 
        validators AS (
            SELECT (SELECT received_at FROM t_acme.intake ORDER BY received_at DESC LIMIT 1) AS through,
                (SELECT string_agg(concat_ws(':', o.key, o.version, (SELECT sum(version) FROM (SELECT version FROM t_acme.changed_month WHERE offer = o.key AND bucket >= $5::date AND bucket < $6::date) AS c)), ',' ORDER BY o.key) FROM mine o)
                    AS state,
                (SELECT sum(hashint8extended((key::bigint << 32) + version, 0)) FROM t_acme.partner) AS names
        ) SELECT v.*, r.* FROM validators v, (
            SELECT count(*) AS rows, convert_to(string_agg(concat('{"offerId":"', f.id, '","offerName":', to_json(f.name), ',"totalConversions":', f.conversions, ',"totalClicks":', f.clicks, ',"totalViews":', f.views, ',"revenue":', trim_scale(f.cost * 0.000001), ',"publisherName":', to_json(p.name), '}'), ',' ORDER BY f.name COLLATE "C", p.name COLLATE "C", f.id, p.id), 'UTF8') AS items
            FROM (SELECT o.*, o.key AS offer, b.* FROM mine o CROSS JOIN LATERAL (SELECT * FROM (SELECT partner, conversions, clicks, views, cost FROM t_acme.by_month WHERE offer = o.key AND bucket >= $3::date AND bucket < $4::date) AS b WHERE conversions <> 0 OR clicks <> 0 OR views <> 0 OR cost <> 0 OFFSET 0) AS b LIMIT 2001) AS f JOIN t_acme.partner p ON p.key = f.partner
        ) AS r;

WITH mine AS MATERIALIZED (
            SELECT * FROM t_acme.offer WHERE advertiser = '3dcd46fe-44e8-5e58-a34c-a847565fdc13' AND (NULL::uuid IS NULL OR id = NULL)
        ) SELECT f.id AS "offerId", f.name AS "offerName", f.conversions AS "totalConversions", f.clicks AS "totalClicks", f.views AS "totalViews", trim_scale(f.cost * 0.000001) AS "revenue", p.name AS "publisherName" FROM (SELECT o.*, o.key AS offer, b.* FROM mine o CROSS JOIN LATERAL (SELECT * FROM (SELECT partner, conversions, clicks, views, cost FROM t_acme.by_month WHERE offer = o.key AND bucket >= '2026-11-01'::date AND bucket < '2026-12-01'::date) AS b WHERE conversions <> 0 OR clicks <> 0 OR views <> 0 OR cost <> 0 OFFSET 0) AS b OFFSET 0) AS f JOIN t_acme.partner p ON p.key = f.partner ORDER BY f.name COLLATE "C", p.name COLLATE "C", f.id, p.id;

WITH mine AS MATERIALIZED (
            SELECT *, row_number() OVER (ORDER BY id) AS place FROM t_acme.offer WHERE advertiser = $1 AND ($2::uuid IS NULL OR id = $2)
        ) SELECT concat('{"date":"', f.day, '","offer_name":', to_json(f.name), ',"partner_id":"', p.id, '","app":', coalesce(to_json(f.app_name)::text, 'null'), ',"store_id":', coalesce(to_json(f.store_id)::text, 'null'), ',"os":', coalesce(to_json(f.os)::text, 'null'), ',"campaign_name":', coalesce(to_json(f.campaign_name)::text, 'null'), ',"campaign_id":"', f.id, '","cost":', trim_scale(f.cost * 0.000001), ',"clicks":', f.clicks, '}') FROM (SELECT o.*, o.key AS offer, b.* FROM mine o CROSS JOIN LATERAL (SELECT * FROM (SELECT partner, bucket AS day, cost, clicks FROM t_acme.by_day WHERE offer = o.key AND bucket >= $3::date AND bucket < $4::date) AS b WHERE cost <> 0 OR clicks <> 0 OFFSET 0) AS b OFFSET 0) AS f JOIN t_acme.partner p ON p.key = f.partner ORDER BY (f.day - date '2000-01-01') * 4294967296 + f.place, p.id;

WITH mine AS MATERIALIZED (
    SELECT * FROM t_acme.offer WHERE advertiser = $1 AND ($2::uuid IS NULL OR id = $2)
)
SELECT min(bucket) FROM mine o CROSS JOIN LATERAL (
    SELECT bucket FROM t_acme.by_day WHERE offer = o.key AND bucket >= $3::date AND bucket < $4::date ORDER BY bucket LIMIT 1
) AS b;

WITH mine AS MATERIALIZED (
            SELECT *, row_number() OVER (ORDER BY id) AS place FROM t_acme.offer WHERE advertiser = '3dcd46fe-44e8-5e58-a34c-a847565fdc13' AND (NULL::uuid IS NULL OR id = NULL)
        ) SELECT f.day AS "date", f.name AS "offer_name", p.id AS "partner_id", f.app_name AS "app", f.store_id AS "store_id", f.os AS "os", f.campaign_name AS "campaign_name", f.id AS "campaign_id", trim_scale(f.cost * 0.000001) AS "cost", f.clicks AS "clicks" FROM (SELECT o.*, o.key AS offer, b.* FROM mine o CROSS JOIN LATERAL (SELECT * FROM (SELECT partner, bucket AS day, cost, clicks FROM t_acme.by_day WHERE offer = o.key AND bucket >= '2025-05-01'::date AND bucket < '2025-05-02'::date) AS b WHERE cost <> 0 OR clicks <> 0 OFFSET 0) AS b OFFSET 0) AS f JOIN t_acme.partner p ON p.key = f.partner ORDER BY (f.day - date '2000-01-01') * 4294967296 + f.place, p.id;

WITH mine AS MATERIALIZED (
            SELECT *, row_number() OVER (ORDER BY id) AS place FROM t_acme.offer WHERE advertiser = $1 AND ($2::uuid IS NULL OR id = $2)
        ), 
        validators AS (
            SELECT (SELECT received_at FROM t_acme.intake ORDER BY received_at DESC LIMIT 1) AS through,
                (SELECT string_agg(concat_ws(':', o.key, o.version, (SELECT sum(version) FROM (SELECT version FROM t_acme.changed_day WHERE offer = o.key AND bucket >= $5::date AND bucket < $6::date) AS c)), ',' ORDER BY o.key) FROM mine o)
                    AS state,
                (SELECT sum(hashint8extended((key::bigint << 32) + version, 0)) FROM t_acme.partner) AS names
        ) SELECT v.*, r.* FROM validators v, (
            SELECT count(*) AS rows, convert_to(string_agg(concat('{"date":"', f.day, '","offer_name":', to_json(f.name), ',"partner_id":"', p.id, '","app":', coalesce(to_json(f.app_name)::text, 'null'), ',"store_id":', coalesce(to_json(f.store_id)::text, 'null'), ',"os":', coalesce(to_json(f.os)::text, 'null'), ',"campaign_name":', coalesce(to_json(f.campaign_name)::text, 'null'), ',"campaign_id":"', f.id, '","cost":', trim_scale(f.cost * 0.000001), ',"clicks":', f.clicks, '}'), ',' ORDER BY (f.day - date '2000-01-01') * 4294967296 + f.place, p.id), 'UTF8') AS items
            FROM (SELECT o.*, o.key AS offer, b.* FROM mine o CROSS JOIN LATERAL (SELECT * FROM (SELECT partner, bucket AS day, cost, clicks FROM t_acme.by_day WHERE offer = o.key AND bucket >= $3::date AND bucket < $4::date) AS b WHERE cost <> 0 OR clicks <> 0 OFFSET 0) AS b LIMIT 2001) AS f JOIN t_acme.partner p ON p.key = f.partner
        ) AS r;

UPDATE tenant SET thinned_before = $2, thinned_since = $3
WHERE id = $1 AND (thinned_before IS NULL OR thinned_before < $2);

SELECT id, name, singular_requested_at, coalesce(singular_requested_by, '') AS singular_requested_by
FROM t_acme.advertiser
WHERE singular_requested_at IS NOT NULL AND NOT singular_enabled ORDER BY singular_requested_at, id;

SELECT p.id, p.email, p.name, p.active, p.password IS NOT NULL AS joined, p.totp_secret IS NOT NULL AS totp,
    p.created_at, p.last_sign_in_at, l.until AS link_until, coalesce(l.until > now(), false) AS link_works,
    (SELECT count(*) FROM t_acme.session
        WHERE staff = p.id AND expires_at > now() AND NOT awaits_code) AS sessions, p.role
FROM t_acme.staff p LEFT JOIN LATERAL (
    SELECT max(expires_at) AS until FROM t_acme.one_time_link WHERE staff = p.id AND used_at IS NULL
) l ON true
WHERE p.active AND p.password IS NULL ORDER BY p.email;

SELECT p.id, p.email, p.name, p.active, p.password IS NOT NULL AS joined, p.totp_secret IS NOT NULL AS totp,
    p.created_at, p.last_sign_in_at, l.until AS link_until, coalesce(l.until > now(), false) AS link_works,
    (SELECT count(*) FROM t_acme.session
        WHERE login = p.id AND expires_at > now() AND NOT awaits_code) AS sessions, p.advertiser, p.scopes
FROM t_acme.advertiser_login p LEFT JOIN LATERAL (
    SELECT max(expires_at) AS until FROM t_acme.one_time_link WHERE login = p.id AND used_at IS NULL
) l ON true
WHERE p.active AND p.password IS NULL ORDER BY p.email;

SELECT (SELECT max(received_at) FROM t_acme.intake) AS last_at,
    coalesce(sum(accepted), 0)::bigint AS accepted, coalesce(sum(rejected), 0)::bigint AS rejected
FROM t_acme.intake WHERE received_at > now() - $1::interval;

SELECT EXISTS (SELECT FROM t_acme.advertiser) AS advertised, EXISTS (
    SELECT FROM t_acme.api_token WHERE advertiser IS NULL AND revoked_at IS NULL
) AS ingest_key;

SELECT p.at, a.id AS advertiser, a.name, p.status FROM t_acme.advertiser a CROSS JOIN LATERAL (
    SELECT at, status FROM t_acme.singular_pull WHERE advertiser = a.id ORDER BY at DESC LIMIT 1
) p
WHERE p.status >= 400 AND p.at > now() - $1::interval ORDER BY p.at DESC LIMIT 10;

SELECT id, name FROM t_acme.advertiser ORDER BY name, id;

SELECT * FROM (
SELECT t.id, t.advertiser, a.name AS advertiser_name, t.name, t.hint, t.scopes, t.networks, t.created_by, t.created_at,
    t.expires_at, t.revoked_at, t.last_used_at, t.last_used_from, t.replaces,
    s.id AS successor, s.hint AS successor_hint, s.created_at AS successor_created_at,
    CASE
        WHEN t.revoked_at IS NOT NULL THEN 'revoked'
        WHEN t.expires_at <= now() THEN 'expired'
        WHEN s.id IS NOT NULL THEN 'rotated'
        WHEN t.expires_at <= now() + interval '14 days' THEN 'expiring'
        ELSE 'live'
    END AS state
FROM t_acme.api_token t LEFT JOIN t_acme.advertiser a ON a.id = t.advertiser
    LEFT JOIN t_acme.api_token s ON s.replaces = t.id
) AS key
            WHERE ($1::uuid IS NULL OR advertiser = $1) AND (NOT $2 OR advertiser IS NULL)
                AND ($3::text IS NULL OR state = $3) AND ($4::int IS NULL OR id < $4)
            ORDER BY id DESC LIMIT 50;

SELECT p.id, p.email, p.name, p.active, p.password IS NOT NULL AS joined, p.totp_secret IS NOT NULL AS totp,
    p.created_at, p.last_sign_in_at, l.until AS link_until, coalesce(l.until > now(), false) AS link_works,
    (SELECT count(*) FROM t_acme.session
        WHERE login = p.id AND expires_at > now() AND NOT awaits_code) AS sessions, p.advertiser, p.scopes
FROM t_acme.advertiser_login p LEFT JOIN LATERAL (
    SELECT max(expires_at) AS until FROM t_acme.one_time_link WHERE login = p.id AND used_at IS NULL
) l ON true
WHERE true ORDER BY p.email;

SELECT p.id, p.email, p.name, p.active, p.password IS NOT NULL AS joined, p.totp_secret IS NOT NULL AS totp,
    p.created_at, p.last_sign_in_at, l.until AS link_until, coalesce(l.until > now(), false) AS link_works,
    (SELECT count(*) FROM t_acme.session
        WHERE staff = p.id AND expires_at > now() AND NOT awaits_code) AS sessions, p.role
FROM t_acme.staff p LEFT JOIN LATERAL (
    SELECT max(expires_at) AS until FROM t_acme.one_time_link WHERE staff = p.id AND used_at IS NULL
) l ON true
WHERE true ORDER BY p.email;

SELECT p.id, p.email, p.name, p.active, p.password IS NOT NULL AS joined, p.totp_secret IS NOT NULL AS totp,
    p.created_at, p.last_sign_in_at, l.until AS link_until, coalesce(l.until > now(), false) AS link_works,
    (SELECT count(*) FROM t_acme.session
        WHERE staff = p.id AND expires_at > now() AND NOT awaits_code) AS sessions, p.role
FROM t_acme.staff p LEFT JOIN LATERAL (
    SELECT max(expires_at) AS until FROM t_acme.one_time_link WHERE staff = p.id AND used_at IS NULL
) l ON true
WHERE p.id = $1 ORDER BY p.email;

SELECT p.id, p.email, p.name, p.active, p.password IS NOT NULL AS joined, p.totp_secret IS NOT NULL AS totp,
    p.created_at, p.last_sign_in_at, l.until AS link_until, coalesce(l.until > now(), false) AS link_works,
    (SELECT count(*) FROM t_acme.session
        WHERE login = p.id AND expires_at > now() AND NOT awaits_code) AS sessions, p.advertiser, p.scopes
FROM t_acme.advertiser_login p LEFT JOIN LATERAL (
    SELECT max(expires_at) AS until FROM t_acme.one_time_link WHERE login = p.id AND used_at IS NULL
) l ON true
WHERE p.id = $1 ORDER BY p.email;

SELECT a.id, a.name, a.status, a.singular_enabled, a.singular_requested_at, a.singular_requested_by,
       EXISTS (
           SELECT FROM t_acme.api_token t WHERE t.advertiser = a.id AND 'singular' = ANY (t.scopes)
               AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())
       ) AS key_works, p.at AS pulled_at, p.status AS pull_status
   FROM t_acme.advertiser a LEFT JOIN LATERAL (
       SELECT at, status FROM t_acme.singular_pull WHERE advertiser = a.id ORDER BY at DESC LIMIT 1
   ) p ON true
WHERE strpos(lower(a.name), lower($1)) > 0
       ORDER BY a.singular_requested_at IS NULL, NOT a.singular_enabled, a.name, a.id LIMIT 200;

SELECT staff_totp_required FROM t_acme.setting;

SELECT p.id, p.email, p.name, p.active, p.password IS NOT NULL AS joined, p.totp_secret IS NOT NULL AS totp,
    p.created_at, p.last_sign_in_at, l.until AS link_until, coalesce(l.until > now(), false) AS link_works,
    (SELECT count(*) FROM t_acme.session
        WHERE staff = p.id AND expires_at > now() AND NOT awaits_code) AS sessions, p.role
FROM t_acme.staff p LEFT JOIN LATERAL (
    SELECT max(expires_at) AS until FROM t_acme.one_time_link WHERE staff = p.id AND used_at IS NULL
) l ON true
WHERE p.active AND p.totp_secret IS NULL ORDER BY p.email;

SELECT id, at, actor, address, action, subject, key, label, before, after
FROM t_acme.audit_log
WHERE strpos(lower(actor), lower($1)) > 0 AND ($2 = '' OR subject = $2) AND ($3 = '' OR key = $3)
    AND ($4::bigint = 0 OR (at, id) < (SELECT at, id FROM t_acme.audit_log WHERE id = $4))
    AND ($5::bigint = 0 OR (at, id) > (SELECT at, id FROM t_acme.audit_log WHERE id = $5))
ORDER BY at DESC, id DESC LIMIT $6;

SELECT id, created_at, seen_at, address, user_agent FROM t_acme.session
WHERE staff = $1 AND expires_at > now() AND NOT awaits_code ORDER BY seen_at DESC, id DESC;

SELECT set_config('statement_timeout', $1, true);

SELECT ALL "advertiser"."id" AS "id", "advertiser"."name" AS "name", "advertiser"."status" AS "status", "advertiser"."singular_enabled" AS "singular_enabled", date_trunc('second', "advertiser"."singular_requested_at") AS "singular_requested_at", "advertiser"."singular_requested_by" AS "singular_requested_by", "advertiser"."contact_name" AS "contact_name", "advertiser"."contact_email" AS "contact_email", "advertiser"."contact_phone" AS "contact_phone", "advertiser"."billing_name" AS "billing_name", "advertiser"."billing_email" AS "billing_email", "advertiser"."billing_address" AS "billing_address", "advertiser"."tax_id" AS "tax_id", "advertiser"."currency" AS "currency", date_trunc('second', "advertiser"."created_at") AS "created_at" FROM "t_acme"."advertiser" ORDER BY "advertiser"."id" DESC LIMIT 15;

SELECT ALL "offer"."id" AS "id", "offer"."name" AS "name", "offer"."advertiser" AS "advertiser", "offer"."campaign_name" AS "campaign_name", "offer"."app_name" AS "app_name", "offer"."store_id" AS "store_id", "offer"."os" AS "os", date_trunc('second', "offer"."created_at") AS "created_at" FROM "t_acme"."offer" ORDER BY "offer"."id" DESC LIMIT 15;

SELECT ALL "partner"."id" AS "id", "partner"."name" AS "name", date_trunc('second', "partner"."created_at") AS "created_at" FROM "t_acme"."partner" ORDER BY "partner"."id" DESC LIMIT 15;

SELECT ALL "conversion_list"."id" AS "id", date_trunc('second', "conversion_list"."occurred_at") AS "occurred_at", "conversion_list"."status" AS "status", trim_scale("conversion_list"."cost") AS "cost", "conversion_list"."offer" AS "offer", "conversion_list"."advertiser" AS "advertiser", "conversion_list"."partner" AS "partner", "conversion_list"."click" AS "click", "conversion_list"."rejection_reason" AS "rejection_reason", date_trunc('second', "conversion_list"."received_at") AS "received_at" FROM "t_acme"."conversion_list" ORDER BY "conversion_list"."id" DESC LIMIT 15;

SELECT ALL "intake"."id" AS "id", date_trunc('second', "intake"."received_at") AS "received_at", "intake"."kind" AS "kind", "intake"."token" AS "token", "intake"."accepted" AS "accepted", "intake"."duplicates" AS "duplicates", "intake"."rejected" AS "rejected" FROM "t_acme"."intake" ORDER BY "intake"."id" DESC LIMIT 15;

SELECT ALL "intake_reject_list"."id" AS "id", date_trunc('second', "intake_reject_list"."received_at") AS "received_at", "intake_reject_list"."kind" AS "kind", "intake_reject_list"."index" AS "index", "intake_reject_list"."record" AS "record", "intake_reject_list"."field" AS "field", "intake_reject_list"."message" AS "message", "intake_reject_list"."token" AS "token" FROM "t_acme"."intake_reject_list" ORDER BY "intake_reject_list"."id" DESC LIMIT 15;

SELECT ALL "singular_pull_list"."id" AS "id", date_trunc('second', "singular_pull_list"."at") AS "at", "singular_pull_list"."advertiser" AS "advertiser", "singular_pull_list"."token" AS "token", "singular_pull_list"."hint" AS "hint", "singular_pull_list"."format" AS "format", date_trunc('second', "singular_pull_list"."starts_at") AS "starts_at", date_trunc('second', "singular_pull_list"."ends_at") AS "ends_at", "singular_pull_list"."status" AS "status", "singular_pull_list"."rows" AS "rows", "singular_pull_list"."milliseconds" AS "milliseconds" FROM "t_acme"."singular_pull_list" ORDER BY "singular_pull_list"."id" DESC LIMIT 15;

SELECT ALL "api_token"."id" AS "id", "api_token"."name" AS "name", "api_token"."hint" AS "hint", "api_token"."advertiser" AS "advertiser", "api_token"."scopes" AS "scopes", "api_token"."networks" AS "networks", "api_token"."rate" AS "rate", "api_token"."burst" AS "burst", "api_token"."concurrency" AS "concurrency", "api_token"."replaces" AS "replaces", "api_token"."created_by" AS "created_by", date_trunc('second', "api_token"."created_at") AS "created_at", date_trunc('second', "api_token"."expires_at") AS "expires_at", date_trunc('second', "api_token"."revoked_at") AS "revoked_at", date_trunc('second', "api_token"."last_used_at") AS "last_used_at", host("api_token"."last_used_from") AS "last_used_from" FROM "t_acme"."api_token" ORDER BY "api_token"."id" DESC LIMIT 15;

SELECT ALL "staff"."id" AS "id", "staff"."email" AS "email", "staff"."name" AS "name", "staff"."role" AS "role", "staff"."active" AS "active", date_trunc('second', "staff"."created_at") AS "created_at", date_trunc('second', "staff"."last_sign_in_at") AS "last_sign_in_at" FROM "t_acme"."staff" ORDER BY "staff"."id" DESC LIMIT 15;

SELECT ALL "advertiser_login"."id" AS "id", "advertiser_login"."email" AS "email", "advertiser_login"."name" AS "name", "advertiser_login"."advertiser" AS "advertiser", "advertiser_login"."scopes" AS "scopes", "advertiser_login"."active" AS "active", date_trunc('second', "advertiser_login"."created_at") AS "created_at", date_trunc('second', "advertiser_login"."last_sign_in_at") AS "last_sign_in_at" FROM "t_acme"."advertiser_login" ORDER BY "advertiser_login"."id" DESC LIMIT 15;

SELECT ALL "setting"."id" AS "id", "setting"."name" AS "name", "setting"."staff_totp_required" AS "staff_totp_required" FROM "t_acme"."setting" ORDER BY "setting"."id" DESC LIMIT 15;

SELECT ALL "audit_log"."id" AS "id", date_trunc('second', "audit_log"."at") AS "at", "audit_log"."actor" AS "actor", host("audit_log"."address") AS "address", "audit_log"."action" AS "action", "audit_log"."subject" AS "subject", "audit_log"."key" AS "key", "audit_log"."label" AS "label", "audit_log"."before" AS "before", "audit_log"."after" AS "after" FROM "t_acme"."audit_log" ORDER BY "audit_log"."id" DESC LIMIT 15;

SELECT id, name, os, campaign_name FROM t_acme.offer WHERE advertiser = $1
ORDER BY name, os, campaign_name, id;

WITH mine AS MATERIALIZED (
            SELECT * FROM t_acme.offer WHERE advertiser = $1 AND ($2::uuid IS NULL OR id = $2)
        ) SELECT f.id AS "offerId", f.name AS "offerName", f.conversions AS "totalConversions", f.clicks AS "totalClicks", f.views AS "totalViews", trim_scale(f.cost * 0.000001) AS "revenue", p.name AS "publisherName" FROM (SELECT o.*, o.key AS offer, b.* FROM mine o CROSS JOIN LATERAL (
            SELECT partner, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks, sum(views)::bigint AS views, sum(cost) AS cost FROM (SELECT partner, conversions, clicks, views, cost FROM t_acme.by_month WHERE offer = o.key AND bucket >= $3::date AND bucket < $4::date) AS b GROUP BY partner
            HAVING sum(conversions) <> 0 OR sum(clicks) <> 0 OR sum(views) <> 0 OR sum(cost) <> 0
        ) AS b OFFSET 0) AS f JOIN t_acme.partner p ON p.key = f.partner ORDER BY f.name COLLATE "C", p.name COLLATE "C", f.id, p.id LIMIT 500;

WITH mine AS MATERIALIZED (
    SELECT * FROM t_acme.offer WHERE advertiser = $1 AND ($2::uuid IS NULL OR id = $2)
),
f AS (SELECT o.*, o.key AS offer, b.* FROM mine o CROSS JOIN LATERAL (
    SELECT partner, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks, sum(views)::bigint AS views, sum(cost) AS cost FROM (SELECT partner, conversions, clicks, views, cost FROM t_acme.by_month WHERE offer = o.key AND bucket >= $3::date AND bucket < $4::date) AS b GROUP BY partner
    HAVING sum(conversions) <> 0 OR sum(clicks) <> 0 OR sum(views) <> 0 OR sum(cost) <> 0
) AS b),
g AS (
    SELECT offer, partner, count(*) AS rows, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks, sum(views)::bigint AS views, trim_scale(sum(cost) * 0.000001) AS cost,
        row_number() OVER (
            PARTITION BY grouping(offer, partner) ORDER BY sum(cost) DESC, sum(clicks) DESC, offer, partner
        ) AS place
    FROM f
    GROUP BY GROUPING SETS ((), (offer), (partner))
)
SELECT CASE WHEN g.offer IS NOT NULL THEN 'offer' WHEN g.partner IS NOT NULL THEN 'partner' END AS kind,
    coalesce(o.id, p.id) AS id, coalesce(o.name, p.name) AS name, o.os, o.campaign_name AS campaign,
    coalesce(g.cost, 0) AS cost, coalesce(g.conversions, 0) AS conversions, coalesce(g.clicks, 0) AS clicks,
    coalesce(g.views, 0) AS views, g.rows
FROM g LEFT JOIN mine o ON o.key = g.offer LEFT JOIN t_acme.partner p ON p.key = g.partner
WHERE g.place <= $5
ORDER BY kind, g.place;

WITH mine AS MATERIALIZED (
    SELECT * FROM t_acme.offer WHERE advertiser = $1 AND ($2::uuid IS NULL OR id = $2)
)
SELECT coalesce(trim_scale(sum(cost) * 0.000001), 0) AS cost, coalesce(sum(conversions), 0)::bigint AS conversions,
    coalesce(sum(clicks), 0)::bigint AS clicks, coalesce(sum(views), 0)::bigint AS views
FROM (SELECT o.*, o.key AS offer, b.* FROM mine o CROSS JOIN LATERAL (
    SELECT partner, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks, sum(views)::bigint AS views, sum(cost) AS cost FROM (SELECT partner, conversions, clicks, views, cost FROM t_acme.by_day WHERE offer = o.key AND bucket >= $3::date AND bucket < $4::date UNION ALL SELECT partner, conversions, clicks, views, cost FROM t_acme.by_month WHERE offer = o.key AND bucket >= $5::date AND bucket < $6::date) AS b GROUP BY partner
    HAVING sum(conversions) <> 0 OR sum(clicks) <> 0 OR sum(views) <> 0 OR sum(cost) <> 0
) AS b) AS f;

WITH mine AS MATERIALIZED (
    SELECT * FROM t_acme.offer WHERE advertiser = $1 AND ($2::uuid IS NULL OR id = $2)
),
figures AS (
    SELECT bucket, trim_scale(sum(cost) * 0.000001) AS cost, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks, sum(views)::bigint AS views FROM mine o CROSS JOIN LATERAL (
        SELECT * FROM t_acme.by_day WHERE offer = o.key AND bucket >= $3::date AND bucket < $4::date OFFSET 0
    ) AS b GROUP BY bucket
),
changes AS (
    SELECT bucket, max(changed_at) AS changed_at FROM mine o CROSS JOIN LATERAL (
        SELECT * FROM t_acme.changed_day WHERE offer = o.key AND bucket >= $3::date AND bucket < $4::date OFFSET 0
    ) AS c GROUP BY bucket
)
SELECT bucket AS day, cost, conversions, clicks, views, changed_at FROM figures LEFT JOIN changes USING (bucket);

INSERT INTO t_acme.singular_pull
    (at, advertiser, token, format, starts_at, ends_at, status, rows, milliseconds)
SELECT p.* FROM unnest($1::timestamptz[], $2::uuid[], $3::int[], $4::text[], $5::timestamptz[],
    $6::timestamptz[], $7::smallint[], $8::bigint[], $9::int[]) AS p (at, advertiser, token)
WHERE token IN (SELECT id FROM t_acme.api_token);

DELETE FROM t_acme.singular_pull WHERE id IN (
    SELECT p.id FROM t_acme.advertiser a
    CROSS JOIN LATERAL (SELECT id FROM t_acme.singular_pull WHERE advertiser = a.id AND at < $1) AS p
);

SELECT * FROM (
SELECT t.id, t.advertiser, a.name AS advertiser_name, t.name, t.hint, t.scopes, t.networks, t.created_by, t.created_at,
    t.expires_at, t.revoked_at, t.last_used_at, t.last_used_from, t.replaces,
    s.id AS successor, s.hint AS successor_hint, s.created_at AS successor_created_at,
    CASE
        WHEN t.revoked_at IS NOT NULL THEN 'revoked'
        WHEN t.expires_at <= now() THEN 'expired'
        WHEN s.id IS NOT NULL THEN 'rotated'
        WHEN t.expires_at <= now() + interval '14 days' THEN 'expiring'
        ELSE 'live'
    END AS state
FROM t_acme.api_token t LEFT JOIN t_acme.advertiser a ON a.id = t.advertiser
    LEFT JOIN t_acme.api_token s ON s.replaces = t.id
) AS key WHERE advertiser = $1
            ORDER BY state IN ('expired', 'revoked'), id DESC;

SELECT p.id, p.at, t.name, t.hint, p.format, p.starts_at, p.ends_at, p.status, p.rows, p.milliseconds
FROM t_acme.singular_pull p JOIN t_acme.api_token t ON t.id = p.token
WHERE p.advertiser = $1 AND ($2::bigint IS NULL OR (p.at, p.id) < (
    SELECT at, id FROM t_acme.singular_pull WHERE id = $2 AND advertiser = $1
))
ORDER BY p.at DESC, p.id DESC
LIMIT $3;

SELECT max(at) FROM t_acme.singular_pull WHERE advertiser = $1 AND status IN (200, 304);

SELECT id, name, os, store_id, campaign_name, EXISTS (
    SELECT FROM t_acme.by_day WHERE offer = key AND bucket >= $2
        AND (conversions <> 0 OR clicks <> 0 OR views <> 0 OR cost <> 0)
) AS recent
FROM t_acme.offer WHERE advertiser = $1
ORDER BY recent DESC, name COLLATE "C", id;

SELECT count(*) FROM t_acme.offer WHERE advertiser = $1;

SELECT name, hint, rate, burst, concurrency FROM t_acme.api_token
WHERE advertiser = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
    AND num_nonnulls(rate, burst, concurrency) > 0
ORDER BY id DESC;

SELECT id, created_at, seen_at, address, user_agent FROM t_acme.session
WHERE login = $1 AND expires_at > now() AND NOT awaits_code ORDER BY seen_at DESC, id DESC;

SELECT s.id AS session, s.awaits_code, s.seen_at <= now() - $2::interval AS touch,
    false AND p.totp_secret IS NULL AS totp_required, p.id, p.email, p.name, p.last_sign_in_at, p.totp_secret IS NOT NULL AS totp, p.role
FROM public.session s JOIN public.staff p ON p.id = s.staff
WHERE s.digest = $1 AND s.expires_at > now() AND p.active;

SELECT slug, name, status, version, migration_error, created_at,
    version IS NOT DISTINCT FROM $2 AS up_to_date
FROM tenant
WHERE strpos(slug || ' ' || lower(name), lower($1)) > 0 AND true
ORDER BY slug LIMIT $3 OFFSET $4;

SELECT count(*) FILTER (WHERE true) AS every, count(*) FILTER (WHERE status = 'active') AS active, count(*) FILTER (WHERE status = 'suspended') AS suspended, count(*) FILTER (WHERE version IS DISTINCT FROM $1) AS outdated, count(*) FILTER (WHERE migration_error IS NOT NULL) AS failed FROM tenant;

SELECT n.nspname AS schema, array_agg(c.oid) AS tables
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY($1) AND c.relkind = 'r' GROUP BY 1;

SELECT sum(pg_total_relation_size(oid))::bigint AS bytes FROM unnest($1::oid[]) AS oid;

SELECT (SELECT max(received_at) FROM t_acme.intake) AS last_intake,
    (SELECT max(last_used_at) FROM t_acme.api_token WHERE advertiser IS NOT NULL) AS last_report;

SELECT p.id, p.email, p.name, p.active, p.password IS NOT NULL AS joined, p.totp_secret IS NOT NULL AS totp,
    p.created_at, p.last_sign_in_at, l.until AS link_until, coalesce(l.until > now(), false) AS link_works,
    (SELECT count(*) FROM public.session
        WHERE staff = p.id AND expires_at > now() AND NOT awaits_code) AS sessions, p.role
FROM public.staff p LEFT JOIN LATERAL (
    SELECT max(expires_at) AS until FROM public.one_time_link WHERE staff = p.id AND used_at IS NULL
) l ON true
WHERE true ORDER BY p.email;

SELECT ALL "tenant"."version" AS "version", "tenant"."migration_error" AS "migration_error" FROM "tenant" WHERE "tenant"."id" = $1 LIMIT 1;

SELECT (SELECT count(*) FROM t_acme.advertiser) AS advertisers, (SELECT count(*) FROM t_acme.offer) AS offers,
    (SELECT count(*) FROM t_acme.partner) AS partners,
    (SELECT count(*) FROM t_acme.staff WHERE active) AS staff,
    (SELECT count(*) FROM t_acme.advertiser_login WHERE active) AS logins,
    (SELECT count(*) FROM t_acme.api_token
        WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())) AS live_tokens;

SELECT p.id, p.email, p.name, p.active, p.password IS NOT NULL AS joined, p.totp_secret IS NOT NULL AS totp,
    p.created_at, p.last_sign_in_at, l.until AS link_until, coalesce(l.until > now(), false) AS link_works,
    (SELECT count(*) FROM t_acme.session
        WHERE staff = p.id AND expires_at > now() AND NOT awaits_code) AS sessions, p.role
FROM t_acme.staff p LEFT JOIN LATERAL (
    SELECT max(expires_at) AS until FROM t_acme.one_time_link WHERE staff = p.id AND used_at IS NULL
) l ON true
WHERE p.role = 'owner' ORDER BY p.email;

SELECT ALL "tenant_migration"."migration" AS "migration", "tenant_migration"."ran_at" AS "ran_at" FROM "tenant_migration" WHERE "tenant_migration"."tenant" = $1 ORDER BY "tenant_migration"."migration" DESC;

SELECT id, at, actor, address, action, subject, key, label, before, after
FROM public.audit_log
WHERE strpos(lower(actor), lower($1)) > 0 AND ($2 = '' OR subject = $2) AND ($3 = '' OR key = $3)
    AND ($4::bigint = 0 OR (at, id) < (SELECT at, id FROM public.audit_log WHERE id = $4))
    AND ($5::bigint = 0 OR (at, id) > (SELECT at, id FROM public.audit_log WHERE id = $5))
ORDER BY at DESC, id DESC LIMIT $6;

SELECT id, created_at, seen_at, address, user_agent FROM public.session
WHERE staff = $1 AND expires_at > now() AND NOT awaits_code ORDER BY seen_at DESC, id DESC;

SELECT p.id, p.email, p.name, p.active, p.password IS NOT NULL AS joined, p.totp_secret IS NOT NULL AS totp,
    p.created_at, p.last_sign_in_at, l.until AS link_until, coalesce(l.until > now(), false) AS link_works,
    (SELECT count(*) FROM public.session
        WHERE staff = p.id AND expires_at > now() AND NOT awaits_code) AS sessions, p.role
FROM public.staff p LEFT JOIN LATERAL (
    SELECT max(expires_at) AS until FROM public.one_time_link WHERE staff = p.id AND used_at IS NULL
) l ON true
WHERE p.id = $1 ORDER BY p.email;

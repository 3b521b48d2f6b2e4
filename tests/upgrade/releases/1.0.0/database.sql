-- Test data: these keys, passwords and secrets were generated for it and are valid nowhere else.
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA t_acme;
CREATE SCHEMA t_blue;
CREATE FUNCTION public.gokart_audit() RETURNS trigger
    LANGUAGE plpgsql
    AS $_$
DECLARE
    old_row jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    new_row jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    about jsonb := coalesce(new_row, old_row);
    secret text;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(o.key, o.value), jsonb_object_agg(n.key, n.value) INTO old_row, new_row
            FROM jsonb_each(old_row) o JOIN jsonb_each(new_row) n ON n.key = o.key
            WHERE n.value <> o.value;
        IF new_row IS NULL THEN
            RETURN NULL;
        END IF;
    END IF;
    FOREACH secret IN ARRAY coalesce(TG_ARGV, '{}') LOOP
        IF old_row ->> secret IS NOT NULL THEN old_row := jsonb_set(old_row, ARRAY[secret], '"(secret)"'); END IF;
        IF new_row ->> secret IS NOT NULL THEN new_row := jsonb_set(new_row, ARRAY[secret], '"(secret)"'); END IF;
    END LOOP;
    EXECUTE format(
        'INSERT INTO %I.audit_log (actor, address, action, subject, key, label, before, after)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)', TG_TABLE_SCHEMA)
        USING coalesce(nullif(current_setting('gokart.actor', true), ''), 'database:' || session_user),
            nullif(current_setting('gokart.address', true), '')::inet,
            CASE TG_OP WHEN 'INSERT' THEN 'created' WHEN 'UPDATE' THEN 'changed' ELSE 'deleted' END,
            regexp_replace(TG_TABLE_NAME, '_\d{6,}$', ''), about ->> 'id',
            coalesce(about ->> 'email', about ->> 'name', ''), old_row, new_row;
    RETURN NULL;
END $_$;
CREATE FUNCTION public.gokart_audit_log_is_kept() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'The audit log is not changed.';
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
CREATE FUNCTION t_acme.keep_an_owner() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(TG_TABLE_SCHEMA || '.owner', 0));
    IF NOT EXISTS (SELECT FROM t_acme.staff WHERE role = 'owner' AND active AND password IS NOT NULL) THEN
        RAISE EXCEPTION 'There would be no owner left: make somebody else an owner first.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION t_acme.raise_version() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.version := OLD.version + 1;
    RETURN NEW;
END $$;
CREATE FUNCTION t_blue.keep_an_owner() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(TG_TABLE_SCHEMA || '.owner', 0));
    IF NOT EXISTS (SELECT FROM t_blue.staff WHERE role = 'owner' AND active AND password IS NOT NULL) THEN
        RAISE EXCEPTION 'There would be no owner left: make somebody else an owner first.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION t_blue.raise_version() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.version := OLD.version + 1;
    RETURN NEW;
END $$;
SET default_tablespace = '';
SET default_table_access_method = heap;
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
    token_rate real,
    token_burst integer,
    token_concurrency integer,
    pruned_before timestamp with time zone,
    version character varying(100),
    migration_error text,
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
CREATE TABLE t_acme.advertiser (
    id uuid NOT NULL,
    name character varying(500) NOT NULL,
    status character varying(10) DEFAULT 'active'::character varying NOT NULL,
    singular_enabled boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    contact_name character varying(200),
    contact_email character varying(320),
    contact_phone character varying(50),
    billing_name character varying(200),
    billing_email character varying(320),
    billing_address text,
    tax_id character varying(50),
    currency character varying(3) DEFAULT 'USD'::character varying NOT NULL,
    singular_requested_at timestamp with time zone,
    singular_requested_by character varying(320),
    CONSTRAINT advertiser_currency_check CHECK (((currency)::text ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT advertiser_name_check CHECK (((name)::text <> ''::text)),
    CONSTRAINT advertiser_status_check CHECK (((status)::text = ANY ((ARRAY['active'::character varying, 'paused'::character varying])::text[])))
);
CREATE TABLE t_acme.advertiser_login (
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
    advertiser uuid NOT NULL,
    scopes character varying(20)[] DEFAULT '{cost-report,singular}'::character varying[] NOT NULL,
    CONSTRAINT advertiser_login_email_check CHECK ((((email)::text = lower((email)::text)) AND ((email)::text ~~ '%_@_%'::text))),
    CONSTRAINT advertiser_login_name_check CHECK (((name)::text <> ''::text)),
    CONSTRAINT advertiser_login_scopes_check CHECK (((cardinality(scopes) > 0) AND (scopes <@ '{cost-report,singular}'::character varying[])))
);
ALTER TABLE t_acme.advertiser_login ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME t_acme.advertiser_login_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE t_acme.api_token (
    id integer NOT NULL,
    advertiser uuid,
    replaces integer,
    name character varying(200) NOT NULL,
    digest bytea NOT NULL,
    hint character varying(20) NOT NULL,
    scopes character varying(20)[] NOT NULL,
    networks character varying(50)[] DEFAULT '{}'::character varying[] NOT NULL,
    rate real,
    burst integer,
    concurrency integer,
    created_by character varying(400) NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    last_used_from inet,
    CONSTRAINT api_token_burst_check CHECK ((burst > 0)),
    CONSTRAINT api_token_check CHECK ((((advertiser IS NULL) = ('ingest'::text = ANY ((scopes)::text[]))) AND ((advertiser IS NOT NULL) OR (cardinality(scopes) = 1)))),
    CONSTRAINT api_token_concurrency_check CHECK ((concurrency > 0)),
    CONSTRAINT api_token_digest_check CHECK ((length(digest) = 32)),
    CONSTRAINT api_token_name_check CHECK (((name)::text <> ''::text)),
    CONSTRAINT api_token_rate_check CHECK ((rate > (0)::double precision)),
    CONSTRAINT api_token_scopes_check CHECK (((cardinality(scopes) > 0) AND (scopes <@ '{cost-report,singular,ingest}'::character varying[])))
);
ALTER TABLE t_acme.api_token ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME t_acme.api_token_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE t_acme.audit_log (
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
ALTER TABLE t_acme.audit_log ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME t_acme.audit_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE t_acme.by_day (
    bucket date NOT NULL,
    cost bigint NOT NULL,
    offer integer NOT NULL,
    partner integer NOT NULL,
    conversions integer NOT NULL,
    clicks integer NOT NULL,
    views integer NOT NULL
)
WITH (fillfactor='90');
CREATE TABLE t_acme.by_month (
    bucket date NOT NULL,
    cost bigint NOT NULL,
    offer integer NOT NULL,
    partner integer NOT NULL,
    conversions bigint NOT NULL,
    clicks bigint NOT NULL,
    views bigint NOT NULL
)
WITH (fillfactor='90');
CREATE TABLE t_acme.by_quarter (
    bucket timestamp with time zone NOT NULL,
    cost bigint NOT NULL,
    offer integer NOT NULL,
    partner integer NOT NULL,
    conversions integer NOT NULL,
    clicks integer NOT NULL,
    views integer NOT NULL
)
WITH (fillfactor='90');
CREATE TABLE t_acme.changed_day (
    offer integer NOT NULL,
    bucket date NOT NULL,
    version bigint NOT NULL,
    changed_at timestamp with time zone NOT NULL
)
WITH (fillfactor='90');
CREATE TABLE t_acme.changed_month (
    offer integer CONSTRAINT changed_day_offer_not_null NOT NULL,
    bucket date CONSTRAINT changed_day_bucket_not_null NOT NULL,
    version bigint CONSTRAINT changed_day_version_not_null NOT NULL,
    changed_at timestamp with time zone CONSTRAINT changed_day_changed_at_not_null NOT NULL
)
WITH (fillfactor='90');
CREATE TABLE t_acme.conversion (
    id uuid NOT NULL,
    sent_ticks bigint NOT NULL,
    callback uuid NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    cost bigint NOT NULL,
    offer integer NOT NULL,
    partner integer NOT NULL,
    status character varying(10) NOT NULL,
    rejection_reason text,
    click uuid,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT conversion_cost_check CHECK ((cost >= 0)),
    CONSTRAINT conversion_status_check CHECK (((status)::text = ANY ((ARRAY['Pending'::character varying, 'Success'::character varying, 'Rejected'::character varying])::text[])))
)
WITH (fillfactor='90');
CREATE TABLE t_acme.offer (
    id uuid NOT NULL,
    key integer NOT NULL,
    advertiser uuid NOT NULL,
    name character varying(500) NOT NULL,
    campaign_name character varying(500),
    app_name character varying(500),
    store_id character varying(500),
    os character varying(10),
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT offer_name_check CHECK (((name)::text <> ''::text)),
    CONSTRAINT offer_os_check CHECK (((os)::text = ANY ((ARRAY['IOS'::character varying, 'ANDROID'::character varying, 'WEB'::character varying])::text[])))
);
CREATE TABLE t_acme.partner (
    id uuid NOT NULL,
    key integer NOT NULL,
    name character varying(500) NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT partner_name_check CHECK (((name)::text <> ''::text))
);
CREATE VIEW t_acme.conversion_list AS
 SELECT c.id,
    c.occurred_at,
    c.status,
    ((c.cost)::numeric / (1000000)::numeric) AS cost,
    o.name AS offer,
    a.name AS advertiser,
    p.name AS partner,
    c.click,
    c.rejection_reason,
    c.received_at
   FROM (((t_acme.conversion c
     JOIN t_acme.offer o ON ((o.key = c.offer)))
     JOIN t_acme.advertiser a ON ((a.id = o.advertiser)))
     JOIN t_acme.partner p ON ((p.key = c.partner)));
CREATE TABLE t_acme.event (
    id uuid NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    offer integer NOT NULL,
    partner integer NOT NULL,
    is_click boolean NOT NULL
)
PARTITION BY RANGE (occurred_at);
CREATE TABLE t_acme.event_2025_05 (
    id uuid CONSTRAINT event_id_not_null NOT NULL,
    occurred_at timestamp with time zone CONSTRAINT event_occurred_at_not_null NOT NULL,
    offer integer CONSTRAINT event_offer_not_null NOT NULL,
    partner integer CONSTRAINT event_partner_not_null NOT NULL,
    is_click boolean CONSTRAINT event_is_click_not_null NOT NULL
);
CREATE TABLE t_acme.event_2026_11 (
    id uuid CONSTRAINT event_id_not_null NOT NULL,
    occurred_at timestamp with time zone CONSTRAINT event_occurred_at_not_null NOT NULL,
    offer integer CONSTRAINT event_offer_not_null NOT NULL,
    partner integer CONSTRAINT event_partner_not_null NOT NULL,
    is_click boolean CONSTRAINT event_is_click_not_null NOT NULL
);
CREATE TABLE t_acme.event_2026_12 (
    id uuid CONSTRAINT event_id_not_null NOT NULL,
    occurred_at timestamp with time zone CONSTRAINT event_occurred_at_not_null NOT NULL,
    offer integer CONSTRAINT event_offer_not_null NOT NULL,
    partner integer CONSTRAINT event_partner_not_null NOT NULL,
    is_click boolean CONSTRAINT event_is_click_not_null NOT NULL
);
CREATE TABLE t_acme.intake (
    id bigint NOT NULL,
    received_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    kind character varying(12) NOT NULL,
    token integer,
    accepted integer NOT NULL,
    duplicates integer NOT NULL,
    rejected integer NOT NULL
);
ALTER TABLE t_acme.intake ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME t_acme.intake_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE t_acme.intake_reject (
    id bigint NOT NULL,
    intake bigint NOT NULL,
    index integer NOT NULL,
    record character varying(200),
    field character varying(100) NOT NULL,
    message text NOT NULL
);
ALTER TABLE t_acme.intake_reject ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME t_acme.intake_reject_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE VIEW t_acme.intake_reject_list AS
 SELECT r.id,
    i.received_at,
    i.kind,
    r.index,
    r.record,
    r.field,
    r.message,
    t.name AS token
   FROM ((t_acme.intake_reject r
     JOIN t_acme.intake i ON ((i.id = r.intake)))
     LEFT JOIN t_acme.api_token t ON ((t.id = i.token)));
ALTER TABLE t_acme.offer ALTER COLUMN key ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME t_acme.offer_key_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE t_acme.one_time_link (
    id bigint NOT NULL,
    digest bytea NOT NULL,
    staff integer,
    login integer,
    purpose character varying(10) NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    created_by character varying(400) NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT one_time_link_check CHECK (((staff IS NULL) <> (login IS NULL))),
    CONSTRAINT one_time_link_digest_check CHECK ((length(digest) = 32)),
    CONSTRAINT one_time_link_purpose_check CHECK (((purpose)::text = ANY ((ARRAY['invitation'::character varying, 'reset'::character varying])::text[])))
);
ALTER TABLE t_acme.one_time_link ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME t_acme.one_time_link_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE t_acme.partner ALTER COLUMN key ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME t_acme.partner_key_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE t_acme.session (
    id bigint NOT NULL,
    digest bytea NOT NULL,
    staff integer,
    login integer,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    awaits_code boolean DEFAULT false NOT NULL,
    address inet,
    user_agent character varying(300) DEFAULT ''::character varying NOT NULL,
    CONSTRAINT session_check CHECK (((staff IS NULL) <> (login IS NULL))),
    CONSTRAINT session_digest_check CHECK ((length(digest) = 32))
);
ALTER TABLE t_acme.session ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME t_acme.session_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE t_acme.setting (
    id integer DEFAULT 1 NOT NULL,
    name character varying(10) DEFAULT 'settings'::character varying NOT NULL,
    staff_totp_required boolean DEFAULT false NOT NULL,
    CONSTRAINT setting_id_check CHECK ((id = 1))
);
CREATE TABLE t_acme.sign_in_attempt (
    key character varying(500) NOT NULL,
    attempts integer NOT NULL,
    since timestamp with time zone NOT NULL
);
CREATE TABLE t_acme.singular_pull (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    advertiser uuid NOT NULL,
    token integer NOT NULL,
    format character varying(4) NOT NULL,
    starts_at timestamp with time zone,
    ends_at timestamp with time zone,
    status smallint NOT NULL,
    rows bigint,
    milliseconds integer NOT NULL,
    CONSTRAINT singular_pull_format_check CHECK (((format)::text = ANY ((ARRAY['json'::character varying, 'csv'::character varying])::text[])))
);
ALTER TABLE t_acme.singular_pull ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME t_acme.singular_pull_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE VIEW t_acme.singular_pull_list AS
 SELECT p.id,
    p.at,
    a.name AS advertiser,
    t.name AS token,
    t.hint,
    p.format,
    p.starts_at,
    p.ends_at,
    p.status,
    p.rows,
    p.milliseconds
   FROM ((t_acme.singular_pull p
     JOIN t_acme.advertiser a ON ((a.id = p.advertiser)))
     JOIN t_acme.api_token t ON ((t.id = p.token)));
CREATE TABLE t_acme.staff (
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
ALTER TABLE t_acme.staff ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME t_acme.staff_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE t_blue.advertiser (
    id uuid NOT NULL,
    name character varying(500) NOT NULL,
    status character varying(10) DEFAULT 'active'::character varying NOT NULL,
    singular_enabled boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    contact_name character varying(200),
    contact_email character varying(320),
    contact_phone character varying(50),
    billing_name character varying(200),
    billing_email character varying(320),
    billing_address text,
    tax_id character varying(50),
    currency character varying(3) DEFAULT 'USD'::character varying NOT NULL,
    singular_requested_at timestamp with time zone,
    singular_requested_by character varying(320),
    CONSTRAINT advertiser_currency_check CHECK (((currency)::text ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT advertiser_name_check CHECK (((name)::text <> ''::text)),
    CONSTRAINT advertiser_status_check CHECK (((status)::text = ANY ((ARRAY['active'::character varying, 'paused'::character varying])::text[])))
);
CREATE TABLE t_blue.advertiser_login (
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
    advertiser uuid NOT NULL,
    scopes character varying(20)[] DEFAULT '{cost-report,singular}'::character varying[] NOT NULL,
    CONSTRAINT advertiser_login_email_check CHECK ((((email)::text = lower((email)::text)) AND ((email)::text ~~ '%_@_%'::text))),
    CONSTRAINT advertiser_login_name_check CHECK (((name)::text <> ''::text)),
    CONSTRAINT advertiser_login_scopes_check CHECK (((cardinality(scopes) > 0) AND (scopes <@ '{cost-report,singular}'::character varying[])))
);
ALTER TABLE t_blue.advertiser_login ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME t_blue.advertiser_login_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE t_blue.api_token (
    id integer NOT NULL,
    advertiser uuid,
    replaces integer,
    name character varying(200) NOT NULL,
    digest bytea NOT NULL,
    hint character varying(20) NOT NULL,
    scopes character varying(20)[] NOT NULL,
    networks character varying(50)[] DEFAULT '{}'::character varying[] NOT NULL,
    rate real,
    burst integer,
    concurrency integer,
    created_by character varying(400) NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    last_used_from inet,
    CONSTRAINT api_token_burst_check CHECK ((burst > 0)),
    CONSTRAINT api_token_check CHECK ((((advertiser IS NULL) = ('ingest'::text = ANY ((scopes)::text[]))) AND ((advertiser IS NOT NULL) OR (cardinality(scopes) = 1)))),
    CONSTRAINT api_token_concurrency_check CHECK ((concurrency > 0)),
    CONSTRAINT api_token_digest_check CHECK ((length(digest) = 32)),
    CONSTRAINT api_token_name_check CHECK (((name)::text <> ''::text)),
    CONSTRAINT api_token_rate_check CHECK ((rate > (0)::double precision)),
    CONSTRAINT api_token_scopes_check CHECK (((cardinality(scopes) > 0) AND (scopes <@ '{cost-report,singular,ingest}'::character varying[])))
);
ALTER TABLE t_blue.api_token ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME t_blue.api_token_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE t_blue.audit_log (
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
ALTER TABLE t_blue.audit_log ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME t_blue.audit_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE t_blue.by_day (
    bucket date NOT NULL,
    cost bigint NOT NULL,
    offer integer NOT NULL,
    partner integer NOT NULL,
    conversions integer NOT NULL,
    clicks integer NOT NULL,
    views integer NOT NULL
)
WITH (fillfactor='90');
CREATE TABLE t_blue.by_month (
    bucket date NOT NULL,
    cost bigint NOT NULL,
    offer integer NOT NULL,
    partner integer NOT NULL,
    conversions bigint NOT NULL,
    clicks bigint NOT NULL,
    views bigint NOT NULL
)
WITH (fillfactor='90');
CREATE TABLE t_blue.by_quarter (
    bucket timestamp with time zone NOT NULL,
    cost bigint NOT NULL,
    offer integer NOT NULL,
    partner integer NOT NULL,
    conversions integer NOT NULL,
    clicks integer NOT NULL,
    views integer NOT NULL
)
WITH (fillfactor='90');
CREATE TABLE t_blue.changed_day (
    offer integer NOT NULL,
    bucket date NOT NULL,
    version bigint NOT NULL,
    changed_at timestamp with time zone NOT NULL
)
WITH (fillfactor='90');
CREATE TABLE t_blue.changed_month (
    offer integer CONSTRAINT changed_day_offer_not_null NOT NULL,
    bucket date CONSTRAINT changed_day_bucket_not_null NOT NULL,
    version bigint CONSTRAINT changed_day_version_not_null NOT NULL,
    changed_at timestamp with time zone CONSTRAINT changed_day_changed_at_not_null NOT NULL
)
WITH (fillfactor='90');
CREATE TABLE t_blue.conversion (
    id uuid NOT NULL,
    sent_ticks bigint NOT NULL,
    callback uuid NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    cost bigint NOT NULL,
    offer integer NOT NULL,
    partner integer NOT NULL,
    status character varying(10) NOT NULL,
    rejection_reason text,
    click uuid,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT conversion_cost_check CHECK ((cost >= 0)),
    CONSTRAINT conversion_status_check CHECK (((status)::text = ANY ((ARRAY['Pending'::character varying, 'Success'::character varying, 'Rejected'::character varying])::text[])))
)
WITH (fillfactor='90');
CREATE TABLE t_blue.offer (
    id uuid NOT NULL,
    key integer NOT NULL,
    advertiser uuid NOT NULL,
    name character varying(500) NOT NULL,
    campaign_name character varying(500),
    app_name character varying(500),
    store_id character varying(500),
    os character varying(10),
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT offer_name_check CHECK (((name)::text <> ''::text)),
    CONSTRAINT offer_os_check CHECK (((os)::text = ANY ((ARRAY['IOS'::character varying, 'ANDROID'::character varying, 'WEB'::character varying])::text[])))
);
CREATE TABLE t_blue.partner (
    id uuid NOT NULL,
    key integer NOT NULL,
    name character varying(500) NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT partner_name_check CHECK (((name)::text <> ''::text))
);
CREATE VIEW t_blue.conversion_list AS
 SELECT c.id,
    c.occurred_at,
    c.status,
    ((c.cost)::numeric / (1000000)::numeric) AS cost,
    o.name AS offer,
    a.name AS advertiser,
    p.name AS partner,
    c.click,
    c.rejection_reason,
    c.received_at
   FROM (((t_blue.conversion c
     JOIN t_blue.offer o ON ((o.key = c.offer)))
     JOIN t_blue.advertiser a ON ((a.id = o.advertiser)))
     JOIN t_blue.partner p ON ((p.key = c.partner)));
CREATE TABLE t_blue.event (
    id uuid NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    offer integer NOT NULL,
    partner integer NOT NULL,
    is_click boolean NOT NULL
)
PARTITION BY RANGE (occurred_at);
CREATE TABLE t_blue.event_2026_11 (
    id uuid CONSTRAINT event_id_not_null NOT NULL,
    occurred_at timestamp with time zone CONSTRAINT event_occurred_at_not_null NOT NULL,
    offer integer CONSTRAINT event_offer_not_null NOT NULL,
    partner integer CONSTRAINT event_partner_not_null NOT NULL,
    is_click boolean CONSTRAINT event_is_click_not_null NOT NULL
);
CREATE TABLE t_blue.event_2026_12 (
    id uuid CONSTRAINT event_id_not_null NOT NULL,
    occurred_at timestamp with time zone CONSTRAINT event_occurred_at_not_null NOT NULL,
    offer integer CONSTRAINT event_offer_not_null NOT NULL,
    partner integer CONSTRAINT event_partner_not_null NOT NULL,
    is_click boolean CONSTRAINT event_is_click_not_null NOT NULL
);
CREATE TABLE t_blue.intake (
    id bigint NOT NULL,
    received_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    kind character varying(12) NOT NULL,
    token integer,
    accepted integer NOT NULL,
    duplicates integer NOT NULL,
    rejected integer NOT NULL
);
ALTER TABLE t_blue.intake ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME t_blue.intake_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE t_blue.intake_reject (
    id bigint NOT NULL,
    intake bigint NOT NULL,
    index integer NOT NULL,
    record character varying(200),
    field character varying(100) NOT NULL,
    message text NOT NULL
);
ALTER TABLE t_blue.intake_reject ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME t_blue.intake_reject_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE VIEW t_blue.intake_reject_list AS
 SELECT r.id,
    i.received_at,
    i.kind,
    r.index,
    r.record,
    r.field,
    r.message,
    t.name AS token
   FROM ((t_blue.intake_reject r
     JOIN t_blue.intake i ON ((i.id = r.intake)))
     LEFT JOIN t_blue.api_token t ON ((t.id = i.token)));
ALTER TABLE t_blue.offer ALTER COLUMN key ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME t_blue.offer_key_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE t_blue.one_time_link (
    id bigint NOT NULL,
    digest bytea NOT NULL,
    staff integer,
    login integer,
    purpose character varying(10) NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    created_by character varying(400) NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT one_time_link_check CHECK (((staff IS NULL) <> (login IS NULL))),
    CONSTRAINT one_time_link_digest_check CHECK ((length(digest) = 32)),
    CONSTRAINT one_time_link_purpose_check CHECK (((purpose)::text = ANY ((ARRAY['invitation'::character varying, 'reset'::character varying])::text[])))
);
ALTER TABLE t_blue.one_time_link ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME t_blue.one_time_link_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE t_blue.partner ALTER COLUMN key ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME t_blue.partner_key_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE t_blue.session (
    id bigint NOT NULL,
    digest bytea NOT NULL,
    staff integer,
    login integer,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    awaits_code boolean DEFAULT false NOT NULL,
    address inet,
    user_agent character varying(300) DEFAULT ''::character varying NOT NULL,
    CONSTRAINT session_check CHECK (((staff IS NULL) <> (login IS NULL))),
    CONSTRAINT session_digest_check CHECK ((length(digest) = 32))
);
ALTER TABLE t_blue.session ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME t_blue.session_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE t_blue.setting (
    id integer DEFAULT 1 NOT NULL,
    name character varying(10) DEFAULT 'settings'::character varying NOT NULL,
    staff_totp_required boolean DEFAULT false NOT NULL,
    CONSTRAINT setting_id_check CHECK ((id = 1))
);
CREATE TABLE t_blue.sign_in_attempt (
    key character varying(500) NOT NULL,
    attempts integer NOT NULL,
    since timestamp with time zone NOT NULL
);
CREATE TABLE t_blue.singular_pull (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    advertiser uuid NOT NULL,
    token integer NOT NULL,
    format character varying(4) NOT NULL,
    starts_at timestamp with time zone,
    ends_at timestamp with time zone,
    status smallint NOT NULL,
    rows bigint,
    milliseconds integer NOT NULL,
    CONSTRAINT singular_pull_format_check CHECK (((format)::text = ANY ((ARRAY['json'::character varying, 'csv'::character varying])::text[])))
);
ALTER TABLE t_blue.singular_pull ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME t_blue.singular_pull_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE VIEW t_blue.singular_pull_list AS
 SELECT p.id,
    p.at,
    a.name AS advertiser,
    t.name AS token,
    t.hint,
    p.format,
    p.starts_at,
    p.ends_at,
    p.status,
    p.rows,
    p.milliseconds
   FROM ((t_blue.singular_pull p
     JOIN t_blue.advertiser a ON ((a.id = p.advertiser)))
     JOIN t_blue.api_token t ON ((t.id = p.token)));
CREATE TABLE t_blue.staff (
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
ALTER TABLE t_blue.staff ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME t_blue.staff_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE ONLY t_acme.event ATTACH PARTITION t_acme.event_2025_05 FOR VALUES FROM ('2025-05-01 00:00:00+00') TO ('2025-06-01 00:00:00+00');
ALTER TABLE ONLY t_acme.event ATTACH PARTITION t_acme.event_2026_11 FOR VALUES FROM ('2026-11-01 00:00:00+00') TO ('2026-12-01 00:00:00+00');
ALTER TABLE ONLY t_acme.event ATTACH PARTITION t_acme.event_2026_12 FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2027-01-01 00:00:00+00');
ALTER TABLE ONLY t_blue.event ATTACH PARTITION t_blue.event_2026_11 FOR VALUES FROM ('2026-11-01 00:00:00+00') TO ('2026-12-01 00:00:00+00');
ALTER TABLE ONLY t_blue.event ATTACH PARTITION t_blue.event_2026_12 FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2027-01-01 00:00:00+00');
ALTER TABLE ONLY public.migration ALTER COLUMN id SET DEFAULT nextval('public.migration_id_seq'::regclass);
ALTER TABLE ONLY public.tenant_migration ALTER COLUMN id SET DEFAULT nextval('public.tenant_migration_id_seq'::regclass);
COPY public.audit_log (id, at, actor, address, action, subject, key, label, before, after) FROM stdin;
1	2026-11-27 10:18:07.657139+00	cli:root	\N	created	tenant	a7003fc8-5b07-4dde-95c3-f374833c9cc4	Acme Media	\N	{"id": "a7003fc8-5b07-4dde-95c3-f374833c9cc4", "name": "Acme Media", "slug": "acme", "schema": "t_acme", "status": "active", "version": null, "created_at": "2026-11-27T10:18:07.656871+00:00", "token_rate": null, "token_burst": null, "pruned_before": null, "thinned_since": null, "thinned_before": null, "migration_error": null, "token_concurrency": null}
2	2026-11-27 10:18:10.081952+00	cli:root	\N	created	tenant	555ed8de-6d91-47e2-8ee6-d7078e447edd	Blue	\N	{"id": "555ed8de-6d91-47e2-8ee6-d7078e447edd", "name": "Blue", "slug": "blue", "schema": "t_blue", "status": "active", "version": null, "created_at": "2026-11-27T10:18:10.081722+00:00", "token_rate": null, "token_burst": null, "pruned_before": null, "thinned_since": null, "thinned_before": null, "migration_error": null, "token_concurrency": null}
3	2026-11-27 10:18:12.721048+00	cli:root	\N	changed	tenant	555ed8de-6d91-47e2-8ee6-d7078e447edd	Blue Ocean	{"name": "Blue"}	{"name": "Blue Ocean"}
4	2026-11-27 10:18:15.212221+00	cli:root	\N	changed	tenant	555ed8de-6d91-47e2-8ee6-d7078e447edd	Blue Ocean	{"token_rate": null, "token_burst": null, "token_concurrency": null}	{"token_rate": 50, "token_burst": 500, "token_concurrency": 20}
5	2026-11-27 10:19:19.867439+00	cli:root	\N	created	staff	1	platform@example.com	\N	{"id": 1, "name": "Somebody", "role": "owner", "email": "platform@example.com", "active": true, "password": null, "totp_step": null, "created_at": "2026-11-27T10:19:19.867439+00:00", "totp_secret": null, "recovery_codes": "(secret)", "last_sign_in_at": null}
6	2026-11-27 10:19:19.867439+00	cli:root	\N	created	one_time_link	1		\N	{"id": 1, "staff": 1, "digest": "(secret)", "purpose": "invitation", "used_at": null, "created_at": "2026-11-27T10:19:19.867439+00:00", "created_by": "cli:root", "expires_at": "2026-12-04T10:19:19.867439+00:00"}
7	2026-11-27 10:19:21.594925+00	platform:platform@example.com	127.0.0.1	changed	staff	1	platform@example.com	{"password": null}	{"password": "(secret)"}
\.
COPY public.migration (id, name, app_name, ran_on) FROM stdin;
1	2026-11-20T06:00:00:000000	platform	2026-11-27 10:18:05.113323
2	2026-11-20T09:00:00:000000	platform	2026-11-27 10:18:05.170827
3	2026-11-20T11:00:00:000000	platform	2026-11-27 10:18:05.184878
4	2026-11-20T12:00:00:000000	platform	2026-11-27 10:18:05.194
5	2026-11-20T13:00:00:000000	platform	2026-11-27 10:18:05.199104
\.
COPY public.one_time_link (id, digest, staff, purpose, created_at, created_by, expires_at, used_at) FROM stdin;
1	\\xc75f06a51fa2695b2f55b707f03492adbe327f32c836b22b5f6c9b2c2393cf20	1	invitation	2026-11-27 10:19:19.867439+00	cli:root	2026-12-04 10:19:19.867439+00	2026-11-27 10:19:21.594925+00
\.
COPY public.request_limit (key, level, at, lent_until, places, expires_at) FROM stdin;
token a7003fc8-5b07-4dde-95c3-f374833c9cc4 4	199.72640323638916	1795774787.729814	1795774787.7434938	{}	1795774790.729814
token 555ed8de-6d91-47e2-8ee6-d7078e447edd 2	500	1795774768.902296	1795774768.886659	{}	1795774771.902296
failures 127.0.0.1	57.040712118148804	1795774787.770864	1795774787.8301518	{}	1795774790.770864
token 555ed8de-6d91-47e2-8ee6-d7078e447edd 1	500	1795774787.770975	1795774787.776314	{}	1795774790.770975
token a7003fc8-5b07-4dde-95c3-f374833c9cc4 3	1000	1795774787.77104	1795774787.81787	{}	1795774790.77104
token a7003fc8-5b07-4dde-95c3-f374833c9cc4 5	1000	1795774787.811936	1795774787.8589568	{}	1795774790.811936
token a7003fc8-5b07-4dde-95c3-f374833c9cc4 1	1000	1795774787.85306	1795774787.8885138	{}	1795774790.85306
token a7003fc8-5b07-4dde-95c3-f374833c9cc4 2	1000	1795774787.853237	1795774787.867436	{}	1795774790.853237
token a7003fc8-5b07-4dde-95c3-f374833c9cc4 8	1000	1795774787.853328	1795774787.877955	{}	1795774790.853328
\.
COPY public.session (id, digest, staff, created_at, seen_at, expires_at, awaits_code, address, user_agent) FROM stdin;
1	\\x203dec9b267612b6fb7f1c9e99a74c375e36b65291833c6ea1d8d6848ed85ab6	1	2026-11-27 10:19:21.61602+00	2026-11-27 10:19:21.61602+00	2026-11-27 18:19:21.61602+00	f	127.0.0.1	python-httpx/0.28.1
\.
COPY public.sign_in_attempt (key, attempts, since) FROM stdin;
\.
COPY public.staff (id, email, name, active, password, totp_secret, totp_step, recovery_codes, created_at, last_sign_in_at, role) FROM stdin;
1	platform@example.com	Somebody	t	pbkdf2_sha256$600000$2c60d1addc1967b4028717c614adf561$0f53c4a045a227fa43871f22c2ab2216c61bf816546faf8239265a32e2de7e7d	\N	\N	{}	2026-11-27 10:19:19.867439+00	2026-11-27 10:19:21.623237+00	owner
\.
COPY public.task (name, run, alive_until, started_at, ended_at, reached, runs, tenants, failures, failed_at, error) FROM stdin;
make-months	\N	\N	2026-11-27 10:19:45.118641+00	2026-11-27 10:19:45.152379+00	\N	14	2	0	\N	\N
drop-months	\N	\N	2026-11-27 10:19:45.153227+00	2026-11-27 10:19:45.159334+00	\N	14	2	0	\N	\N
thin	\N	\N	2026-11-27 10:19:45.160098+00	2026-11-27 10:19:45.179395+00	\N	14	2	0	\N	\N
clear	\N	\N	2026-11-27 10:19:45.180092+00	2026-11-27 10:19:45.21432+00	\N	14	2	0	\N	\N
\.
COPY public.tenant (id, slug, schema, name, status, created_at, token_rate, token_burst, token_concurrency, pruned_before, version, migration_error, thinned_before, thinned_since) FROM stdin;
555ed8de-6d91-47e2-8ee6-d7078e447edd	blue	t_blue	Blue Ocean	active	2026-11-27 10:18:10.081722+00	50	500	20	\N	2026-11-20T09:00:00:000000	\N	\N	\N
a7003fc8-5b07-4dde-95c3-f374833c9cc4	acme	t_acme	Acme Media	active	2026-11-27 10:18:07.656871+00	\N	\N	\N	\N	2026-11-20T09:00:00:000000	\N	2025-10-23 00:00:00+00	2026-11-27 10:19:29.86484+00
\.
COPY public.tenant_migration (id, tenant, migration, ran_at) FROM stdin;
1	a7003fc8-5b07-4dde-95c3-f374833c9cc4	2026-11-20T06:00:00:000000	2026-11-27 10:18:07.657139+00
2	a7003fc8-5b07-4dde-95c3-f374833c9cc4	2026-11-20T09:00:00:000000	2026-11-27 10:18:07.657139+00
3	555ed8de-6d91-47e2-8ee6-d7078e447edd	2026-11-20T06:00:00:000000	2026-11-27 10:18:10.081952+00
4	555ed8de-6d91-47e2-8ee6-d7078e447edd	2026-11-20T09:00:00:000000	2026-11-27 10:18:10.081952+00
\.
COPY t_acme.advertiser (id, name, status, singular_enabled, created_at, contact_name, contact_email, contact_phone, billing_name, billing_email, billing_address, tax_id, currency, singular_requested_at, singular_requested_by) FROM stdin;
3dcd46fe-44e8-5e58-a34c-a847565fdc13	Owner	active	t	2026-11-27 10:18:17.463168+00	\N	\N	\N	\N	\N	\N	\N	USD	\N	\N
334fb77a-c774-518c-a7ba-c9d37cc9bd6b	Rival	active	t	2026-11-27 10:18:19.921838+00	\N	\N	\N	\N	\N	\N	\N	USD	\N	\N
\.
COPY t_acme.advertiser_login (id, email, name, active, password, totp_secret, totp_step, recovery_codes, created_at, last_sign_in_at, advertiser, scopes) FROM stdin;
1	user@example.com	Somebody	t	$argon2id$v=19$m=65536,t=3,p=4$qs7E3uVDPJXG8MbQ/YhY9A$LpHkE0ch1cfPFHiHtrWgE9r79mWk1Xi5LyHd/4BwVMc	B3R227V227IYJHOG3VMGEXFCEJWVMCGB	59859158	{"\\\\x86980212f82dd44fca95fd969a21a81c2cda70ec80b1be0560434497046d8ac1","\\\\x5b26a2b50dd27def419643c533b6e1000bb52f0418a62ea13b5661338d442ad9","\\\\x5db2b049c22dc81ea5f504a9cf51330da8fac3fbe9dffc0781a13f5295232819","\\\\xa9c8459cd07847c236157d7241a3ccbf2fecf897057a32ddd7d80b9a61fdd97f","\\\\xaa5a17abedd08fda2dd50364a6e6e07ff9b50337d56bf1a5c4fe553e120e852d","\\\\x3401bb77ded221c1b92ab41fe5cc9d0e10d63361d9b65602d7ec1c5bba229039","\\\\x248750a3d1e51620f526435d6a1a3e6852332c460e9fef68e1100188e5e0a1c5","\\\\x7d7b4ebd407ad7983b21bc97ac7ba050d268f11b9cac6176da49bae4320012ed","\\\\x48456135411523de740abbccbe4fbc7e022d3465a86ab302b8d93e0b97d9e4a3"}	2026-11-27 10:19:11.241164+00	2026-11-27 10:19:27.027941+00	3dcd46fe-44e8-5e58-a34c-a847565fdc13	{cost-report,singular}
\.
COPY t_acme.api_token (id, advertiser, replaces, name, digest, hint, scopes, networks, rate, burst, concurrency, created_by, created_at, expires_at, revoked_at, last_used_at, last_used_from) FROM stdin;
3	3dcd46fe-44e8-5e58-a34c-a847565fdc13	\N	owner's network	\\x79a8e4b3ef8cea879b05ef8a57f061cad63f880a95bf5d659285f8b68ae4ef73	gokart_TE1W…BBuK	{cost-report,singular}	{10.0.0.0/8}	\N	\N	\N	cli:root	2026-11-27 10:18:28.466427+00	\N	\N	\N	\N
6	3dcd46fe-44e8-5e58-a34c-a847565fdc13	\N	rotated	\\xc14c9bc2b4047d39df86515f630a0a7dd5071fcc4fcdbefd741164c721c7339d	gokart_6ovZ…ifm1	{cost-report,singular}	{}	\N	\N	\N	cli:root	2026-11-27 10:18:34.280993+00	2026-11-27 10:18:44.072387+00	\N	\N	\N
7	3dcd46fe-44e8-5e58-a34c-a847565fdc13	\N	revoked	\\xca3b2c4cde8b31484ed7a3e2d1efa82e7112beff23962bafa72eafe6cf13a0c0	gokart_GqmI…c0n4	{cost-report,singular}	{}	\N	\N	\N	cli:root	2026-11-27 10:18:35.675732+00	\N	2026-11-27 10:18:46.331535+00	\N	\N
5	\N	\N	ingest	\\xd63897bdaf5d428d0807869b9d4a0af885cff8f265ee22474169ed7c7b0442d3	gokart_OuAq…W0GW	{ingest}	{}	\N	\N	\N	cli:root	2026-11-27 10:18:32.757656+00	\N	\N	2026-11-27 10:19:28.495676+00	127.0.0.1
1	3dcd46fe-44e8-5e58-a34c-a847565fdc13	\N	owner	\\x865008bdaeaf9a684b47820dcda11598db0b873786863636fb1dcc633195a4d7	gokart_kKIq…O72t	{cost-report,singular}	{}	\N	\N	\N	cli:root	2026-11-27 10:18:23.515464+00	\N	\N	2026-11-27 10:19:29.954204+00	127.0.0.1
2	3dcd46fe-44e8-5e58-a34c-a847565fdc13	\N	owner's report	\\x31e2ebc60320bf37b6a1ced28efd2dc6cecfe708e255f1749651187d54008a8e	gokart_kg8J…1FS4	{cost-report}	{}	\N	\N	\N	cli:root	2026-11-27 10:18:25.935753+00	\N	\N	2026-11-27 10:19:29.895569+00	127.0.0.1
4	334fb77a-c774-518c-a7ba-c9d37cc9bd6b	\N	rival	\\xf99effdadf78dbefa8685c9b0d093803cdacd02972d4bf66d59c340ca559be39	gokart_9lrw…RcdD	{cost-report,singular}	{}	20	200	\N	cli:root	2026-11-27 10:18:30.423445+00	2036-11-24 10:18:30.42316+00	\N	2026-11-27 10:19:29.608645+00	127.0.0.1
8	3dcd46fe-44e8-5e58-a34c-a847565fdc13	6	rotated	\\x33bdcb30a7976c867b753c3ef1ebc0d7f0f12021097b49086e3b61c0900a152f	gokart_v2lH…GJSe	{cost-report,singular}	{}	\N	\N	\N	cli:root	2026-11-27 10:18:44.072387+00	\N	\N	2026-11-27 10:19:29.937923+00	127.0.0.1
\.
COPY t_acme.audit_log (id, at, actor, address, action, subject, key, label, before, after) FROM stdin;
1	2026-11-27 10:18:07.657139+00	cli:root	\N	created	partner	a7003fc8-5b07-4dde-95c3-f374833c9cc4	Acme Media	\N	{"id": "a7003fc8-5b07-4dde-95c3-f374833c9cc4", "key": 1, "name": "Acme Media", "version": 1, "created_at": "2026-11-27T10:18:07.657139+00:00"}
2	2026-11-27 10:18:17.460595+00	cli:root	\N	created	advertiser	3dcd46fe-44e8-5e58-a34c-a847565fdc13	Owner	\N	{"id": "3dcd46fe-44e8-5e58-a34c-a847565fdc13", "name": "Owner", "status": "active", "tax_id": null, "currency": "USD", "created_at": "2026-11-27T10:18:17.463168+00:00", "billing_name": null, "contact_name": null, "billing_email": null, "contact_email": null, "contact_phone": null, "billing_address": null, "singular_enabled": false, "singular_requested_at": null, "singular_requested_by": null}
3	2026-11-27 10:18:19.911708+00	cli:root	\N	created	advertiser	334fb77a-c774-518c-a7ba-c9d37cc9bd6b	Rival	\N	{"id": "334fb77a-c774-518c-a7ba-c9d37cc9bd6b", "name": "Rival", "status": "active", "tax_id": null, "currency": "USD", "created_at": "2026-11-27T10:18:19.921838+00:00", "billing_name": null, "contact_name": null, "billing_email": null, "contact_email": null, "contact_phone": null, "billing_address": null, "singular_enabled": false, "singular_requested_at": null, "singular_requested_by": null}
4	2026-11-27 10:18:23.516054+00	cli:root	\N	created	api_token	1	owner	\N	{"id": 1, "hint": "gokart_kKIq…O72t", "name": "owner", "rate": null, "burst": null, "digest": "(secret)", "scopes": ["cost-report", "singular"], "networks": [], "replaces": null, "advertiser": "3dcd46fe-44e8-5e58-a34c-a847565fdc13", "created_at": "2026-11-27T10:18:23.515464+00:00", "created_by": "cli:root", "expires_at": null, "revoked_at": null, "concurrency": null, "last_used_at": null, "last_used_from": null}
5	2026-11-27 10:18:25.936218+00	cli:root	\N	created	api_token	2	owner's report	\N	{"id": 2, "hint": "gokart_kg8J…1FS4", "name": "owner's report", "rate": null, "burst": null, "digest": "(secret)", "scopes": ["cost-report"], "networks": [], "replaces": null, "advertiser": "3dcd46fe-44e8-5e58-a34c-a847565fdc13", "created_at": "2026-11-27T10:18:25.935753+00:00", "created_by": "cli:root", "expires_at": null, "revoked_at": null, "concurrency": null, "last_used_at": null, "last_used_from": null}
6	2026-11-27 10:18:28.467061+00	cli:root	\N	created	api_token	3	owner's network	\N	{"id": 3, "hint": "gokart_TE1W…BBuK", "name": "owner's network", "rate": null, "burst": null, "digest": "(secret)", "scopes": ["cost-report", "singular"], "networks": ["10.0.0.0/8"], "replaces": null, "advertiser": "3dcd46fe-44e8-5e58-a34c-a847565fdc13", "created_at": "2026-11-27T10:18:28.466427+00:00", "created_by": "cli:root", "expires_at": null, "revoked_at": null, "concurrency": null, "last_used_at": null, "last_used_from": null}
7	2026-11-27 10:18:30.427861+00	cli:root	\N	created	api_token	4	rival	\N	{"id": 4, "hint": "gokart_9lrw…RcdD", "name": "rival", "rate": null, "burst": null, "digest": "(secret)", "scopes": ["cost-report", "singular"], "networks": [], "replaces": null, "advertiser": "334fb77a-c774-518c-a7ba-c9d37cc9bd6b", "created_at": "2026-11-27T10:18:30.423445+00:00", "created_by": "cli:root", "expires_at": "2036-11-24T10:18:30.42316+00:00", "revoked_at": null, "concurrency": null, "last_used_at": null, "last_used_from": null}
8	2026-11-27 10:18:32.758181+00	cli:root	\N	created	api_token	5	ingest	\N	{"id": 5, "hint": "gokart_OuAq…W0GW", "name": "ingest", "rate": null, "burst": null, "digest": "(secret)", "scopes": ["ingest"], "networks": [], "replaces": null, "advertiser": null, "created_at": "2026-11-27T10:18:32.757656+00:00", "created_by": "cli:root", "expires_at": null, "revoked_at": null, "concurrency": null, "last_used_at": null, "last_used_from": null}
9	2026-11-27 10:18:34.281388+00	cli:root	\N	created	api_token	6	rotated	\N	{"id": 6, "hint": "gokart_6ovZ…ifm1", "name": "rotated", "rate": null, "burst": null, "digest": "(secret)", "scopes": ["cost-report", "singular"], "networks": [], "replaces": null, "advertiser": "3dcd46fe-44e8-5e58-a34c-a847565fdc13", "created_at": "2026-11-27T10:18:34.280993+00:00", "created_by": "cli:root", "expires_at": null, "revoked_at": null, "concurrency": null, "last_used_at": null, "last_used_from": null}
10	2026-11-27 10:18:35.679237+00	cli:root	\N	created	api_token	7	revoked	\N	{"id": 7, "hint": "gokart_GqmI…c0n4", "name": "revoked", "rate": null, "burst": null, "digest": "(secret)", "scopes": ["cost-report", "singular"], "networks": [], "replaces": null, "advertiser": "3dcd46fe-44e8-5e58-a34c-a847565fdc13", "created_at": "2026-11-27T10:18:35.675732+00:00", "created_by": "cli:root", "expires_at": null, "revoked_at": null, "concurrency": null, "last_used_at": null, "last_used_from": null}
11	2026-11-27 10:18:41.019913+00	cli:root	\N	changed	api_token	4	rival	{"rate": null, "burst": null}	{"rate": 20, "burst": 200}
12	2026-11-27 10:18:44.072658+00	cli:root	\N	created	api_token	8	rotated	\N	{"id": 8, "hint": "gokart_v2lH…GJSe", "name": "rotated", "rate": null, "burst": null, "digest": "(secret)", "scopes": ["cost-report", "singular"], "networks": [], "replaces": 6, "advertiser": "3dcd46fe-44e8-5e58-a34c-a847565fdc13", "created_at": "2026-11-27T10:18:44.072387+00:00", "created_by": "cli:root", "expires_at": null, "revoked_at": null, "concurrency": null, "last_used_at": null, "last_used_from": null}
13	2026-11-27 10:18:44.072658+00	cli:root	\N	changed	api_token	6	rotated	{"expires_at": null}	{"expires_at": "2026-11-27T10:18:44.072387+00:00"}
14	2026-11-27 10:18:46.326659+00	cli:root	\N	changed	api_token	7	revoked	{"revoked_at": null}	{"revoked_at": "2026-11-27T10:18:46.331535+00:00"}
15	2026-11-27 10:18:48.11423+00	cli:root	\N	changed	advertiser	3dcd46fe-44e8-5e58-a34c-a847565fdc13	Owner	{"singular_enabled": false}	{"singular_enabled": true}
16	2026-11-27 10:18:50.049844+00	cli:root	\N	changed	advertiser	334fb77a-c774-518c-a7ba-c9d37cc9bd6b	Rival	{"singular_enabled": false}	{"singular_enabled": true}
17	2026-11-27 10:19:00.857267+00	cli:root	\N	created	staff	1	owner@example.com	\N	{"id": 1, "name": "Somebody", "role": "owner", "email": "owner@example.com", "active": true, "password": null, "totp_step": null, "created_at": "2026-11-27T10:19:00.857267+00:00", "totp_secret": null, "recovery_codes": "(secret)", "last_sign_in_at": null}
18	2026-11-27 10:19:00.857267+00	cli:root	\N	created	one_time_link	1		\N	{"id": 1, "login": null, "staff": 1, "digest": "(secret)", "purpose": "invitation", "used_at": null, "created_at": "2026-11-27T10:19:00.857267+00:00", "created_by": "cli:root", "expires_at": "2026-12-04T10:19:00.857267+00:00"}
19	2026-11-27 10:19:01.92979+00	staff:owner@example.com	127.0.0.1	changed	staff	1	owner@example.com	{"password": null}	{"password": "(secret)"}
20	2026-11-27 10:19:04.814917+00	cli:root	\N	created	staff	2	viewer@example.com	\N	{"id": 2, "name": "Somebody", "role": "viewer", "email": "viewer@example.com", "active": true, "password": null, "totp_step": null, "created_at": "2026-11-27T10:19:04.814917+00:00", "totp_secret": null, "recovery_codes": "(secret)", "last_sign_in_at": null}
21	2026-11-27 10:19:04.814917+00	cli:root	\N	created	one_time_link	2		\N	{"id": 2, "login": null, "staff": 2, "digest": "(secret)", "purpose": "invitation", "used_at": null, "created_at": "2026-11-27T10:19:04.814917+00:00", "created_by": "cli:root", "expires_at": "2026-12-04T10:19:04.814917+00:00"}
22	2026-11-27 10:19:11.241164+00	cli:root	\N	created	advertiser_login	1	user@example.com	\N	{"id": 1, "name": "Somebody", "email": "user@example.com", "active": true, "scopes": ["cost-report", "singular"], "password": null, "totp_step": null, "advertiser": "3dcd46fe-44e8-5e58-a34c-a847565fdc13", "created_at": "2026-11-27T10:19:11.241164+00:00", "totp_secret": null, "recovery_codes": "(secret)", "last_sign_in_at": null}
23	2026-11-27 10:19:11.241164+00	cli:root	\N	created	one_time_link	3		\N	{"id": 3, "login": 1, "staff": null, "digest": "(secret)", "purpose": "invitation", "used_at": null, "created_at": "2026-11-27T10:19:11.241164+00:00", "created_by": "cli:root", "expires_at": "2026-12-04T10:19:11.241164+00:00"}
24	2026-11-27 10:19:13.883716+00	advertiser:user@example.com	127.0.0.1	changed	advertiser_login	1	user@example.com	{"password": null}	{"password": "(secret)"}
25	2026-11-27 10:19:23.631294+00	staff:owner@example.com	127.0.0.1	changed	staff	1	owner@example.com	{"totp_step": null, "totp_secret": null, "recovery_codes": "(secret)"}	{"totp_step": 59859158, "totp_secret": "(secret)", "recovery_codes": "(secret)"}
26	2026-11-27 10:19:24.838153+00	staff:owner@example.com	127.0.0.1	changed	staff	1	owner@example.com	{"recovery_codes": "(secret)"}	{"recovery_codes": "(secret)"}
27	2026-11-27 10:19:26.049233+00	advertiser:user@example.com	127.0.0.1	changed	advertiser_login	1	user@example.com	{"totp_step": null, "totp_secret": null, "recovery_codes": "(secret)"}	{"totp_step": 59859158, "totp_secret": "(secret)", "recovery_codes": "(secret)"}
28	2026-11-27 10:19:26.999319+00	advertiser:user@example.com	127.0.0.1	changed	advertiser_login	1	user@example.com	{"recovery_codes": "(secret)"}	{"recovery_codes": "(secret)"}
29	2026-11-27 10:19:28.394257+00	staff:owner@example.com	127.0.0.1	changed	conversion	6f0b9b60-0f20-5aa5-99f3-6fbc5e0b6277		{"status": "Success", "callback": "40709626-18c6-525d-a7b5-46dd0cc28773", "sent_ticks": 17936972990000000, "received_at": "2026-11-27T10:19:27.951406+00:00", "rejection_reason": null}	{"status": "Rejected", "callback": "11adacbe-6777-4b91-a1f9-759bb5a2e285", "sent_ticks": 17957747683918890, "received_at": "2026-11-27T10:19:28.394257+00:00", "rejection_reason": "Fraud"}
\.
COPY t_acme.by_day (bucket, cost, offer, partner, conversions, clicks, views) FROM stdin;
2025-05-19	2000000	1	2	2	0	0
2026-11-03	208512963	3	1	3	0	0
2026-11-03	69504321	2	2	1	0	0
2026-11-03	69504321	4	2	1	0	0
2025-05-19	139008642	3	2	2	0	0
2026-11-03	69504321	3	2	1	0	0
2026-11-03	0	3	3	0	8	4
2025-05-19	0	1	1	0	0	5
2026-11-03	0	2	3	0	1	0
\.
COPY t_acme.by_month (bucket, cost, offer, partner, conversions, clicks, views) FROM stdin;
2025-05-01	2000000	1	2	2	0	0
2026-11-01	208512963	3	1	3	0	0
2026-11-01	69504321	2	2	1	0	0
2026-11-01	69504321	4	2	1	0	0
2025-05-01	139008642	3	2	2	0	0
2026-11-01	69504321	3	2	1	0	0
2026-11-01	0	3	3	0	8	4
2025-05-01	0	1	1	0	0	5
2026-11-01	0	2	3	0	1	0
\.
COPY t_acme.by_quarter (bucket, cost, offer, partner, conversions, clicks, views) FROM stdin;
2025-05-19 13:30:00+00	2000000	1	2	2	0	0
2026-11-03 09:00:00+00	208512963	3	1	3	0	0
2026-11-03 09:00:00+00	69504321	2	2	1	0	0
2026-11-03 12:45:00+00	69504321	3	2	1	0	0
2026-11-03 09:00:00+00	69504321	4	2	1	0	0
2025-05-19 13:30:00+00	139008642	3	2	2	0	0
2026-11-03 09:00:00+00	0	3	2	0	0	0
2026-11-03 06:00:00+00	0	3	3	0	0	1
2026-11-03 06:30:00+00	0	3	3	0	1	0
2026-11-03 07:00:00+00	0	3	3	0	1	0
2026-11-03 07:45:00+00	0	3	3	0	0	1
2026-11-03 08:15:00+00	0	3	3	0	1	0
2026-11-03 09:00:00+00	0	3	3	0	1	0
2026-11-03 09:30:00+00	0	3	3	0	0	1
2026-11-03 10:15:00+00	0	3	3	0	1	0
2026-11-03 10:45:00+00	0	3	3	0	1	0
2026-11-03 11:30:00+00	0	3	3	0	0	1
2026-11-03 12:00:00+00	0	3	3	0	1	0
2026-11-03 12:45:00+00	0	3	3	0	1	0
2025-05-19 13:30:00+00	0	1	1	0	0	5
2026-11-03 09:00:00+00	0	2	3	0	1	0
\.
COPY t_acme.changed_day (offer, bucket, version, changed_at) FROM stdin;
4	2026-11-03	1	2026-11-27 10:19:27.859398+00
3	2025-05-19	2	2026-11-27 10:19:27.946693+00
3	2026-11-03	5	2026-11-27 10:19:28.49674+00
1	2025-05-19	3	2026-11-27 10:19:28.607597+00
2	2026-11-03	2	2026-11-27 10:19:28.640464+00
\.
COPY t_acme.changed_month (offer, bucket, version, changed_at) FROM stdin;
4	2026-11-01	1	2026-11-27 10:19:27.859398+00
3	2025-05-01	2	2026-11-27 10:19:27.946693+00
3	2026-11-01	5	2026-11-27 10:19:28.49674+00
1	2025-05-01	3	2026-11-27 10:19:28.607597+00
2	2026-11-01	2	2026-11-27 10:19:28.640464+00
\.
COPY t_acme.conversion (id, sent_ticks, callback, occurred_at, cost, offer, partner, status, rejection_reason, click, received_at) FROM stdin;
44d5e989-ba67-558d-bb08-706aa8600082	17476615041234567	e52dc3ab-1b53-5fa4-9043-bd3c43489505	2025-05-19 13:31:44.123456+00	69504321	3	2	Pending	\N	\N	2026-11-27 10:19:27.381455+00
611986e6-e329-527b-8c10-4f03b77a535f	17951688000000001	44ef4e63-a1d8-5b8b-b88e-4132ff4c6486	2025-05-19 13:31:44.123456+00	69504321	3	2	Success	\N	\N	2026-11-27 10:19:27.472441+00
2bfe262e-5de4-5cc0-8043-97a13b8d4ad8	17476615041234567	62c59b49-cfdf-51b3-9a30-d1d279beaf08	2025-05-19 13:31:44.123456+00	0	1	2	Success	\N	\N	2026-11-27 10:19:27.553013+00
5b2a0c86-104f-5f94-832e-763ae662392d	17476615041234567	5f3cb58a-4bc3-5aeb-91ed-e54a813c50e5	2025-05-19 13:31:44.123456+00	2000000	1	2	Success	\N	\N	2026-11-27 10:19:27.553013+00
48b86260-1a78-533a-8167-05083ad9132e	17951688000000001	6c850d12-07b5-5a9d-a28f-ec63a8e4a504	2025-05-19 13:31:44.123456+00	69504321	1	2	Rejected	Duplicate	\N	2026-11-27 10:19:27.61723+00
b082c3f6-8188-5d1e-8086-757a0b3ce156	17936972990000000	02d1a3f0-69b6-58a5-9329-4a6f2f5aeca1	2026-11-03 09:14:59+00	69504321	3	1	Success	\N	\N	2026-11-27 10:19:27.703723+00
c5d5a9f6-f8ed-504f-b05d-c8469875b357	17936972990000000	fb938af4-a793-51d2-bace-9429b4d8f47c	2026-11-03 09:14:59+00	69504321	3	1	Success	\N	\N	2026-11-27 10:19:27.703723+00
f7bd4254-d953-5597-9155-aab266136fdc	17936972990000000	77fdde0e-89a7-5eda-8cb1-6ea9ae76e18a	2026-11-03 09:14:59+00	69504321	3	1	Success	\N	\N	2026-11-27 10:19:27.703723+00
7a5e25b1-cb96-5d58-bd0f-ff7e846acaef	17936972990000000	d77182b6-3fd9-5c5b-b6ef-77552e8d68b6	2026-11-03 12:45:00+00	69504321	3	2	Success	\N	\N	2026-11-27 10:19:27.786612+00
d6482220-73ab-597e-9a50-b307c5fdb53d	17936972990000000	1d533d45-a8d7-5fea-8fa5-c99f1e7bbe2a	2026-11-03 09:14:59+00	69504321	2	2	Success	\N	\N	2026-11-27 10:19:27.786612+00
6bd9c9f7-b570-5fae-b29b-114cabc79d75	17936972990000000	821b8083-5a25-5385-a438-1994a9552cb6	2026-11-03 09:14:59+00	69504321	4	2	Success	\N	\N	2026-11-27 10:19:27.864694+00
752241eb-9aba-5597-add5-59f402d2a330	17936972990000000	2aa0ce99-0455-551f-84fd-b24191ae67c7	2025-05-19 13:31:44.123456+00	69504321	3	2	Success	\N	\N	2026-11-27 10:19:27.951406+00
6f0b9b60-0f20-5aa5-99f3-6fbc5e0b6277	17957747683918890	11adacbe-6777-4b91-a1f9-759bb5a2e285	2026-11-03 09:14:59+00	69504321	3	2	Rejected	Fraud	\N	2026-11-27 10:19:28.394257+00
\.
COPY t_acme.event_2025_05 (id, occurred_at, offer, partner, is_click) FROM stdin;
18b10475-b486-5c19-b677-1685b6f0edb4	2025-05-19 13:31:44.123456+00	1	1	f
3cb00513-38b5-5fed-98b4-203dd98c6889	2025-05-19 13:31:44.123456+00	1	1	f
50da878a-67b1-5971-858e-9c1ff80c0ac1	2025-05-19 13:31:44.123456+00	1	1	f
5e222447-a76f-56ce-8290-afe651e429c8	2025-05-19 13:31:44.123456+00	1	1	f
d1e47ce3-cfdf-51f9-9fa8-ce516692147b	2025-05-19 13:31:44.123456+00	1	1	f
\.
COPY t_acme.event_2026_11 (id, occurred_at, offer, partner, is_click) FROM stdin;
3036d55b-07bc-5d64-a134-d55db6a2f79f	2026-11-03 09:42:00+00	3	3	f
663968f6-3ff4-5ff4-8c3c-670bbf1d6fb4	2026-11-03 09:05:00+00	3	3	t
66f564cd-c5e6-586c-b92c-07e84f41a770	2026-11-03 10:19:00+00	3	3	t
69d475a8-2753-5aea-add6-13ef8e3c6b1e	2026-11-03 10:56:00+00	3	3	t
7a65f9f8-1deb-5c73-b5f4-dbda3bb34e09	2026-11-03 07:51:00+00	3	3	f
8edada2c-1f45-538f-ad45-f2599ee329ce	2026-11-03 12:47:00+00	3	3	t
8f82c5fb-0302-5bed-a759-ffaeb937746a	2026-11-03 06:37:00+00	3	3	t
c62c1b3f-b5a2-5e29-b53c-52478ad9eeb7	2026-11-03 06:00:00+00	3	3	f
c7e5e4aa-f3ad-5757-b379-e284b9c37a16	2026-11-03 11:33:00+00	3	3	f
f2b071b2-bc8f-5945-aaec-c3caa1523cb7	2026-11-03 08:28:00+00	3	3	t
f4baabd4-665a-5477-9ceb-4e180bebe786	2026-11-03 12:10:00+00	3	3	t
f5fd19e5-147c-5ad6-92aa-61a56222967c	2026-11-03 07:14:00+00	3	3	t
d6482220-73ab-597e-9a50-b307c5fdb53d	2026-11-03 09:14:59+00	2	3	t
\.
COPY t_acme.event_2026_12 (id, occurred_at, offer, partner, is_click) FROM stdin;
\.
COPY t_acme.intake (id, received_at, kind, token, accepted, duplicates, rejected) FROM stdin;
1	2026-11-27 10:19:27.202389+00	offers	5	3	0	1
2	2026-11-27 10:19:27.308774+00	offers	5	1	0	0
3	2026-11-27 10:19:27.338471+00	partners	5	2	0	0
4	2026-11-27 10:19:27.448089+00	conversions	5	2	0	0
5	2026-11-27 10:19:27.527515+00	conversions	5	1	0	0
6	2026-11-27 10:19:27.567976+00	conversions	5	3	0	0
7	2026-11-27 10:19:27.664898+00	conversions	5	1	0	0
8	2026-11-27 10:19:27.751386+00	conversions	5	3	0	0
9	2026-11-27 10:19:27.831391+00	conversions	5	2	0	0
10	2026-11-27 10:19:27.906915+00	conversions	5	1	0	1
11	2026-11-27 10:19:27.993681+00	conversions	5	2	0	0
12	2026-11-27 10:19:28.412024+00	corrections	\N	1	0	0
13	2026-11-27 10:19:28.587585+00	events	5	12	0	0
14	2026-11-27 10:19:28.629482+00	events	5	5	0	1
15	2026-11-27 10:19:28.658571+00	events	5	1	0	0
16	2026-11-27 10:19:28.688057+00	events	5	0	1	0
\.
COPY t_acme.intake_reject (id, intake, index, record, field, message) FROM stdin;
1	1	3	38ebf1ff-22ba-5966-a5ff-cfec818619d3	os	invalid enum value 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'
2	10	1	9fb50f7f-200d-568b-8b4b-c7e7dfdcb3c6	conversion.status	invalid enum value 'MaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybeMaybe'
3	14	5	38ebf1ff-22ba-5966-a5ff-cfec818619d3	type	invalid enum value 'hover'
\.
COPY t_acme.offer (id, key, advertiser, name, campaign_name, app_name, store_id, os, version, created_at) FROM stdin;
185c8bac-4734-5496-8653-3e146a51b4e7	1	3dcd46fe-44e8-5e58-a34c-a847565fdc13	Puzzle, & "more"	\N	\N	\N	\N	1	2026-11-27 10:19:27.126791+00
d6482220-73ab-597e-9a50-b307c5fdb53d	2	334fb77a-c774-518c-a7ba-c9d37cc9bd6b	Theirs	AOS_TEST_2025	Test	com.test	ANDROID	1	2026-11-27 10:19:27.126791+00
fe474697-47f7-5c4c-a0d4-d411bbe4b1ac	3	3dcd46fe-44e8-5e58-a34c-a847565fdc13	Chess 2	AOS_TEST_2025	Test	com.test	ANDROID	2	2026-11-27 10:19:27.126791+00
f672874b-614e-534a-8973-8cf93a8b2c41	4	3dcd46fe-44e8-5e58-a34c-a847565fdc13	Made by a callback	\N	\N	\N	\N	1	2026-11-27 10:19:27.864694+00
\.
COPY t_acme.one_time_link (id, digest, staff, login, purpose, created_at, created_by, expires_at, used_at) FROM stdin;
1	\\x0d96866bddbf8f06c5cc7904abf5193bb7456772f9d18870a876fd1e1c90dae3	1	\N	invitation	2026-11-27 10:19:00.857267+00	cli:root	2026-12-04 10:19:00.857267+00	2026-11-27 10:19:01.92979+00
2	\\xbd9badeb27573e11b64e92aee56ed2ca084cf4b296e2d61ad3bdd323d32c6601	2	\N	invitation	2026-11-27 10:19:04.814917+00	cli:root	2026-12-04 10:19:04.814917+00	\N
3	\\x5cb7f910a741403d1e4be58727099cb6dff38b01311eaf35f7ed4d729329aae4	\N	1	invitation	2026-11-27 10:19:11.241164+00	cli:root	2026-12-04 10:19:11.241164+00	2026-11-27 10:19:13.883716+00
\.
COPY t_acme.partner (id, key, name, version, created_at) FROM stdin;
a7003fc8-5b07-4dde-95c3-f374833c9cc4	1	Acme Media	1	2026-11-27 10:18:07.657139+00
65cd1669-21a4-5a03-a627-6d5f092b75aa	2	Öl & Söhne	1	2026-11-27 10:19:27.336004+00
9d4fbf77-c07f-5b1c-97b4-7f0ce1be3b39	3	zoo	1	2026-11-27 10:19:27.336004+00
\.
COPY t_acme.session (id, digest, staff, login, created_at, seen_at, expires_at, awaits_code, address, user_agent) FROM stdin;
1	\\x9f12b8d8155a55d6c1a7ee09116197bb1ed170f80bae0a6f006f1a8e36c7f76b	1	\N	2026-11-27 10:19:01.940735+00	2026-11-27 10:19:01.940735+00	2026-11-27 18:19:01.940735+00	f	127.0.0.1	python-httpx/0.28.1
2	\\xdfe4422c91d7a562b47d9d2cdbe92190b94dcac6f33abd42b2aaaab1bb8e44ef	\N	1	2026-11-27 10:19:13.896998+00	2026-11-27 10:19:13.896998+00	2026-11-27 18:19:13.896998+00	f	127.0.0.1	python-httpx/0.28.1
4	\\x06987845d1c94d816288b8978cb0b99c389cea7c76f98c3b5580000bb10d27b9	1	\N	2026-11-27 10:19:24.87596+00	2026-11-27 10:19:24.87596+00	2026-11-27 18:19:24.87596+00	f	127.0.0.1	python-httpx/0.28.1
6	\\x992163e4cfe0527415598ddef95927c31bfcbdff8919b86a7b197a73d7f96c20	\N	1	2026-11-27 10:19:27.021545+00	2026-11-27 10:19:27.021545+00	2026-11-27 18:19:27.021545+00	f	127.0.0.1	python-httpx/0.28.1
\.
COPY t_acme.setting (id, name, staff_totp_required) FROM stdin;
1	settings	f
\.
COPY t_acme.sign_in_attempt (key, attempts, since) FROM stdin;
127.0.0.1 advertiser:nobody@example.com	1	2026-11-27 10:19:35.279442+00
127.0.0.1	5	2026-11-27 10:19:22.245968+00
advertiser:nobody@example.com	1	2026-11-27 10:19:35.279442+00
\.
COPY t_acme.singular_pull (id, at, advertiser, token, format, starts_at, ends_at, status, rows, milliseconds) FROM stdin;
1	2026-11-27 10:19:29.527813+00	3dcd46fe-44e8-5e58-a34c-a847565fdc13	1	csv	2024-01-01 00:00:00+00	2025-01-01 00:00:00+00	200	0	25
2	2026-11-27 10:19:29.500509+00	3dcd46fe-44e8-5e58-a34c-a847565fdc13	1	json	2024-01-01 00:00:00+00	2025-01-01 00:00:00+00	200	0	17
3	2026-11-27 10:19:29.443894+00	3dcd46fe-44e8-5e58-a34c-a847565fdc13	1	csv	2026-11-01 00:00:00+00	2026-12-01 00:00:00+00	200	4	48
4	2026-11-27 10:19:29.37421+00	3dcd46fe-44e8-5e58-a34c-a847565fdc13	1	json	2026-11-01 00:00:00+00	2026-12-01 00:00:00+00	200	4	63
5	2026-11-27 10:19:29.336835+00	3dcd46fe-44e8-5e58-a34c-a847565fdc13	1	csv	2025-05-19 00:00:00+00	2025-05-20 00:00:00+00	200	2	23
6	2026-11-27 10:19:29.313078+00	3dcd46fe-44e8-5e58-a34c-a847565fdc13	1	json	2025-05-19 00:00:00+00	2025-05-20 00:00:00+00	200	2	10
7	2026-11-27 10:19:29.254271+00	3dcd46fe-44e8-5e58-a34c-a847565fdc13	1	csv	2025-05-01 00:00:00+00	2026-12-01 00:00:00+00	200	6	49
8	2026-11-27 10:19:29.187901+00	3dcd46fe-44e8-5e58-a34c-a847565fdc13	1	json	2025-05-01 00:00:00+00	2026-12-01 00:00:00+00	200	6	59
9	2026-11-27 10:19:29.865315+00	3dcd46fe-44e8-5e58-a34c-a847565fdc13	2	json	\N	\N	403	\N	11
10	2026-11-27 10:19:47.595164+00	3dcd46fe-44e8-5e58-a34c-a847565fdc13	1	csv	2024-01-01 00:00:00+00	2025-01-01 00:00:00+00	200	0	17
11	2026-11-27 10:19:47.566084+00	3dcd46fe-44e8-5e58-a34c-a847565fdc13	1	json	2024-01-01 00:00:00+00	2025-01-01 00:00:00+00	200	0	17
12	2026-11-27 10:19:47.529897+00	3dcd46fe-44e8-5e58-a34c-a847565fdc13	1	csv	2026-11-01 00:00:00+00	2026-12-01 00:00:00+00	200	4	34
13	2026-11-27 10:19:47.490273+00	3dcd46fe-44e8-5e58-a34c-a847565fdc13	1	json	2026-11-01 00:00:00+00	2026-12-01 00:00:00+00	200	4	30
14	2026-11-27 10:19:47.463354+00	3dcd46fe-44e8-5e58-a34c-a847565fdc13	1	csv	2025-05-19 00:00:00+00	2025-05-20 00:00:00+00	200	2	9
15	2026-11-27 10:19:47.441552+00	3dcd46fe-44e8-5e58-a34c-a847565fdc13	1	json	2025-05-19 00:00:00+00	2025-05-20 00:00:00+00	200	2	11
16	2026-11-27 10:19:47.3876+00	3dcd46fe-44e8-5e58-a34c-a847565fdc13	1	csv	2025-05-01 00:00:00+00	2026-12-01 00:00:00+00	200	6	49
17	2026-11-27 10:19:47.324017+00	3dcd46fe-44e8-5e58-a34c-a847565fdc13	1	json	2025-05-01 00:00:00+00	2026-12-01 00:00:00+00	200	6	56
18	2026-11-27 10:19:47.763588+00	3dcd46fe-44e8-5e58-a34c-a847565fdc13	2	json	\N	\N	403	\N	4
\.
COPY t_acme.staff (id, email, name, active, password, totp_secret, totp_step, recovery_codes, created_at, last_sign_in_at, role) FROM stdin;
2	viewer@example.com	Somebody	t	\N	\N	\N	{}	2026-11-27 10:19:04.814917+00	\N	viewer
1	owner@example.com	Somebody	t	pbkdf2_sha256$600000$9886b7df42dc177fe7f5609a41cfb6ca$73e28478c7e25f1270933dde4c36ccdfc9f38378378934600da695a93e4cfdff	CHDQHSEHWV5UYBRQ3WCWCANXVQNQI3Z7	59859158	{"\\\\x47ec9988258114b04e9f4f8b2bf9bcff971699bf39de549c20d713fbbf2fb884","\\\\xf0ba98566b4e6f416316cc08d34958c5f0fbb46416d096cec0c4a1e081827e3f","\\\\xb5abee53ae15827e71ff142d097659c806fd32d7a99657184a349c2ca932f8b8","\\\\x1dc671359c7bc0a91cfd7f1fc36803c12e10ae7e4ac154399254c0c53dd50e7d","\\\\xbc874e8186dccd5d1da2c42acadf00812c24b294b29b037431254b297e320e3c","\\\\x72d12ccfd215b135a7f9fdf14ca4fcc309a0eb4cf405f72001b48a1f1858b787","\\\\xda3cbaf7ffc3543d715c234572ccc937ed3d1503634c23592c240223a8e2badc","\\\\xd2ac64f9e41c3c29eafb23c62ad95684984d83cc489e863c25e46a2bc12941b0","\\\\x93af6ce872fe27807ba90c664d054f28fe63a570c9afa97ed1e847b1892381d9"}	2026-11-27 10:19:00.857267+00	2026-11-27 10:19:24.880471+00	owner
\.
COPY t_blue.advertiser (id, name, status, singular_enabled, created_at, contact_name, contact_email, contact_phone, billing_name, billing_email, billing_address, tax_id, currency, singular_requested_at, singular_requested_by) FROM stdin;
3dcd46fe-44e8-5e58-a34c-a847565fdc13	Owner	active	t	2026-11-27 10:18:21.958926+00	\N	\N	\N	\N	\N	\N	\N	USD	\N	\N
\.
COPY t_blue.advertiser_login (id, email, name, active, password, totp_secret, totp_step, recovery_codes, created_at, last_sign_in_at, advertiser, scopes) FROM stdin;
\.
COPY t_blue.api_token (id, advertiser, replaces, name, digest, hint, scopes, networks, rate, burst, concurrency, created_by, created_at, expires_at, revoked_at, last_used_at, last_used_from) FROM stdin;
1	3dcd46fe-44e8-5e58-a34c-a847565fdc13	\N	blue	\\x7e334960943155b8f7136034ad8bcf2f651548ff78089db9e3b94c3dbda2da37	gokart_MmQY…x0lR	{cost-report,singular}	{}	\N	\N	\N	cli:root	2026-11-27 10:18:37.442087+00	\N	\N	2026-11-27 10:19:29.684137+00	127.0.0.1
2	\N	\N	blue's ingest	\\x4d90807fa1f0c92024264a8192b413aa2784ac131644663022f85a5d967bb1a8	gokart_QVJO…x6SQ	{ingest}	{}	\N	\N	\N	cli:root	2026-11-27 10:18:39.36537+00	\N	\N	2026-11-27 10:19:28.788769+00	127.0.0.1
\.
COPY t_blue.audit_log (id, at, actor, address, action, subject, key, label, before, after) FROM stdin;
1	2026-11-27 10:18:10.081952+00	cli:root	\N	created	partner	555ed8de-6d91-47e2-8ee6-d7078e447edd	Blue	\N	{"id": "555ed8de-6d91-47e2-8ee6-d7078e447edd", "key": 1, "name": "Blue", "version": 1, "created_at": "2026-11-27T10:18:10.081952+00:00"}
2	2026-11-27 10:18:12.721048+00	cli:root	\N	changed	partner	555ed8de-6d91-47e2-8ee6-d7078e447edd	Blue Ocean	{"name": "Blue", "version": 1}	{"name": "Blue Ocean", "version": 2}
3	2026-11-27 10:18:21.95617+00	cli:root	\N	created	advertiser	3dcd46fe-44e8-5e58-a34c-a847565fdc13	Owner	\N	{"id": "3dcd46fe-44e8-5e58-a34c-a847565fdc13", "name": "Owner", "status": "active", "tax_id": null, "currency": "USD", "created_at": "2026-11-27T10:18:21.958926+00:00", "billing_name": null, "contact_name": null, "billing_email": null, "contact_email": null, "contact_phone": null, "billing_address": null, "singular_enabled": false, "singular_requested_at": null, "singular_requested_by": null}
4	2026-11-27 10:18:37.442668+00	cli:root	\N	created	api_token	1	blue	\N	{"id": 1, "hint": "gokart_MmQY…x0lR", "name": "blue", "rate": null, "burst": null, "digest": "(secret)", "scopes": ["cost-report", "singular"], "networks": [], "replaces": null, "advertiser": "3dcd46fe-44e8-5e58-a34c-a847565fdc13", "created_at": "2026-11-27T10:18:37.442087+00:00", "created_by": "cli:root", "expires_at": null, "revoked_at": null, "concurrency": null, "last_used_at": null, "last_used_from": null}
5	2026-11-27 10:18:39.366057+00	cli:root	\N	created	api_token	2	blue's ingest	\N	{"id": 2, "hint": "gokart_QVJO…x6SQ", "name": "blue's ingest", "rate": null, "burst": null, "digest": "(secret)", "scopes": ["ingest"], "networks": [], "replaces": null, "advertiser": null, "created_at": "2026-11-27T10:18:39.36537+00:00", "created_by": "cli:root", "expires_at": null, "revoked_at": null, "concurrency": null, "last_used_at": null, "last_used_from": null}
6	2026-11-27 10:18:51.983568+00	cli:root	\N	changed	advertiser	3dcd46fe-44e8-5e58-a34c-a847565fdc13	Owner	{"singular_enabled": false}	{"singular_enabled": true}
\.
COPY t_blue.by_day (bucket, cost, offer, partner, conversions, clicks, views) FROM stdin;
2026-11-03	69504321	1	1	1	1	0
\.
COPY t_blue.by_month (bucket, cost, offer, partner, conversions, clicks, views) FROM stdin;
2026-11-01	69504321	1	1	1	1	0
\.
COPY t_blue.by_quarter (bucket, cost, offer, partner, conversions, clicks, views) FROM stdin;
2026-11-03 09:00:00+00	69504321	1	1	1	1	0
\.
COPY t_blue.changed_day (offer, bucket, version, changed_at) FROM stdin;
1	2026-11-03	2	2026-11-27 10:19:28.798715+00
\.
COPY t_blue.changed_month (offer, bucket, version, changed_at) FROM stdin;
1	2026-11-01	2	2026-11-27 10:19:28.798715+00
\.
COPY t_blue.conversion (id, sent_ticks, callback, occurred_at, cost, offer, partner, status, rejection_reason, click, received_at) FROM stdin;
2f096d73-39ad-584f-b490-1069a2384813	17936972990000000	bc599735-012e-5265-9782-5f6c60450aac	2026-11-03 09:14:59+00	69504321	1	1	Success	\N	\N	2026-11-27 10:19:28.743835+00
\.
COPY t_blue.event_2026_11 (id, occurred_at, offer, partner, is_click) FROM stdin;
2f096d73-39ad-584f-b490-1069a2384813	2026-11-03 09:14:59+00	1	1	t
\.
COPY t_blue.event_2026_12 (id, occurred_at, offer, partner, is_click) FROM stdin;
\.
COPY t_blue.intake (id, received_at, kind, token, accepted, duplicates, rejected) FROM stdin;
1	2026-11-27 10:19:28.731734+00	offers	2	1	0	0
2	2026-11-27 10:19:28.771451+00	conversions	2	1	0	0
3	2026-11-27 10:19:28.839471+00	events	2	1	0	0
\.
COPY t_blue.intake_reject (id, intake, index, record, field, message) FROM stdin;
\.
COPY t_blue.offer (id, key, advertiser, name, campaign_name, app_name, store_id, os, version, created_at) FROM stdin;
fe474697-47f7-5c4c-a0d4-d411bbe4b1ac	1	3dcd46fe-44e8-5e58-a34c-a847565fdc13	Chess	AOS_TEST_2025	Test	com.test	ANDROID	1	2026-11-27 10:19:28.714858+00
\.
COPY t_blue.one_time_link (id, digest, staff, login, purpose, created_at, created_by, expires_at, used_at) FROM stdin;
\.
COPY t_blue.partner (id, key, name, version, created_at) FROM stdin;
555ed8de-6d91-47e2-8ee6-d7078e447edd	1	Blue Ocean	2	2026-11-27 10:18:10.081952+00
\.
COPY t_blue.session (id, digest, staff, login, created_at, seen_at, expires_at, awaits_code, address, user_agent) FROM stdin;
\.
COPY t_blue.setting (id, name, staff_totp_required) FROM stdin;
1	settings	f
\.
COPY t_blue.sign_in_attempt (key, attempts, since) FROM stdin;
\.
COPY t_blue.singular_pull (id, at, advertiser, token, format, starts_at, ends_at, status, rows, milliseconds) FROM stdin;
\.
COPY t_blue.staff (id, email, name, active, password, totp_secret, totp_step, recovery_codes, created_at, last_sign_in_at, role) FROM stdin;
\.
SELECT pg_catalog.setval('public.audit_log_id_seq', 7, true);
SELECT pg_catalog.setval('public.migration_id_seq', 5, true);
SELECT pg_catalog.setval('public.one_time_link_id_seq', 1, true);
SELECT pg_catalog.setval('public.session_id_seq', 1, true);
SELECT pg_catalog.setval('public.staff_id_seq', 1, true);
SELECT pg_catalog.setval('public.tenant_migration_id_seq', 4, true);
SELECT pg_catalog.setval('t_acme.advertiser_login_id_seq', 1, true);
SELECT pg_catalog.setval('t_acme.api_token_id_seq', 8, true);
SELECT pg_catalog.setval('t_acme.audit_log_id_seq', 29, true);
SELECT pg_catalog.setval('t_acme.intake_id_seq', 16, true);
SELECT pg_catalog.setval('t_acme.intake_reject_id_seq', 3, true);
SELECT pg_catalog.setval('t_acme.offer_key_seq', 4, true);
SELECT pg_catalog.setval('t_acme.one_time_link_id_seq', 3, true);
SELECT pg_catalog.setval('t_acme.partner_key_seq', 3, true);
SELECT pg_catalog.setval('t_acme.session_id_seq', 6, true);
SELECT pg_catalog.setval('t_acme.singular_pull_id_seq', 18, true);
SELECT pg_catalog.setval('t_acme.staff_id_seq', 2, true);
SELECT pg_catalog.setval('t_blue.advertiser_login_id_seq', 1, false);
SELECT pg_catalog.setval('t_blue.api_token_id_seq', 2, true);
SELECT pg_catalog.setval('t_blue.audit_log_id_seq', 6, true);
SELECT pg_catalog.setval('t_blue.intake_id_seq', 3, true);
SELECT pg_catalog.setval('t_blue.intake_reject_id_seq', 1, false);
SELECT pg_catalog.setval('t_blue.offer_key_seq', 1, true);
SELECT pg_catalog.setval('t_blue.one_time_link_id_seq', 1, false);
SELECT pg_catalog.setval('t_blue.partner_key_seq', 1, true);
SELECT pg_catalog.setval('t_blue.session_id_seq', 1, false);
SELECT pg_catalog.setval('t_blue.singular_pull_id_seq', 1, false);
SELECT pg_catalog.setval('t_blue.staff_id_seq', 1, false);
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
ALTER TABLE ONLY t_acme.advertiser_login
    ADD CONSTRAINT advertiser_login_email_key UNIQUE (email);
ALTER TABLE ONLY t_acme.advertiser_login
    ADD CONSTRAINT advertiser_login_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_acme.advertiser
    ADD CONSTRAINT advertiser_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_acme.api_token
    ADD CONSTRAINT api_token_digest_key UNIQUE (digest);
ALTER TABLE ONLY t_acme.api_token
    ADD CONSTRAINT api_token_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_acme.api_token
    ADD CONSTRAINT api_token_replaces_key UNIQUE (replaces);
ALTER TABLE ONLY t_acme.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_acme.by_day
    ADD CONSTRAINT by_day_pkey PRIMARY KEY (offer, bucket, partner);
ALTER TABLE ONLY t_acme.by_month
    ADD CONSTRAINT by_month_pkey PRIMARY KEY (offer, bucket, partner);
ALTER TABLE ONLY t_acme.by_quarter
    ADD CONSTRAINT by_quarter_pkey PRIMARY KEY (offer, bucket, partner);
ALTER TABLE ONLY t_acme.changed_day
    ADD CONSTRAINT changed_day_pkey PRIMARY KEY (offer, bucket);
ALTER TABLE ONLY t_acme.changed_month
    ADD CONSTRAINT changed_month_pkey PRIMARY KEY (offer, bucket);
ALTER TABLE ONLY t_acme.conversion
    ADD CONSTRAINT conversion_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_acme.intake
    ADD CONSTRAINT intake_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_acme.intake_reject
    ADD CONSTRAINT intake_reject_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_acme.offer
    ADD CONSTRAINT offer_key_key UNIQUE (key);
ALTER TABLE ONLY t_acme.offer
    ADD CONSTRAINT offer_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_acme.one_time_link
    ADD CONSTRAINT one_time_link_digest_key UNIQUE (digest);
ALTER TABLE ONLY t_acme.one_time_link
    ADD CONSTRAINT one_time_link_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_acme.partner
    ADD CONSTRAINT partner_key_key UNIQUE (key);
ALTER TABLE ONLY t_acme.partner
    ADD CONSTRAINT partner_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_acme.session
    ADD CONSTRAINT session_digest_key UNIQUE (digest);
ALTER TABLE ONLY t_acme.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_acme.setting
    ADD CONSTRAINT setting_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_acme.sign_in_attempt
    ADD CONSTRAINT sign_in_attempt_pkey PRIMARY KEY (key);
ALTER TABLE ONLY t_acme.singular_pull
    ADD CONSTRAINT singular_pull_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_acme.staff
    ADD CONSTRAINT staff_email_key UNIQUE (email);
ALTER TABLE ONLY t_acme.staff
    ADD CONSTRAINT staff_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_blue.advertiser_login
    ADD CONSTRAINT advertiser_login_email_key UNIQUE (email);
ALTER TABLE ONLY t_blue.advertiser_login
    ADD CONSTRAINT advertiser_login_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_blue.advertiser
    ADD CONSTRAINT advertiser_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_blue.api_token
    ADD CONSTRAINT api_token_digest_key UNIQUE (digest);
ALTER TABLE ONLY t_blue.api_token
    ADD CONSTRAINT api_token_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_blue.api_token
    ADD CONSTRAINT api_token_replaces_key UNIQUE (replaces);
ALTER TABLE ONLY t_blue.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_blue.by_day
    ADD CONSTRAINT by_day_pkey PRIMARY KEY (offer, bucket, partner);
ALTER TABLE ONLY t_blue.by_month
    ADD CONSTRAINT by_month_pkey PRIMARY KEY (offer, bucket, partner);
ALTER TABLE ONLY t_blue.by_quarter
    ADD CONSTRAINT by_quarter_pkey PRIMARY KEY (offer, bucket, partner);
ALTER TABLE ONLY t_blue.changed_day
    ADD CONSTRAINT changed_day_pkey PRIMARY KEY (offer, bucket);
ALTER TABLE ONLY t_blue.changed_month
    ADD CONSTRAINT changed_month_pkey PRIMARY KEY (offer, bucket);
ALTER TABLE ONLY t_blue.conversion
    ADD CONSTRAINT conversion_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_blue.intake
    ADD CONSTRAINT intake_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_blue.intake_reject
    ADD CONSTRAINT intake_reject_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_blue.offer
    ADD CONSTRAINT offer_key_key UNIQUE (key);
ALTER TABLE ONLY t_blue.offer
    ADD CONSTRAINT offer_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_blue.one_time_link
    ADD CONSTRAINT one_time_link_digest_key UNIQUE (digest);
ALTER TABLE ONLY t_blue.one_time_link
    ADD CONSTRAINT one_time_link_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_blue.partner
    ADD CONSTRAINT partner_key_key UNIQUE (key);
ALTER TABLE ONLY t_blue.partner
    ADD CONSTRAINT partner_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_blue.session
    ADD CONSTRAINT session_digest_key UNIQUE (digest);
ALTER TABLE ONLY t_blue.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_blue.setting
    ADD CONSTRAINT setting_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_blue.sign_in_attempt
    ADD CONSTRAINT sign_in_attempt_pkey PRIMARY KEY (key);
ALTER TABLE ONLY t_blue.singular_pull
    ADD CONSTRAINT singular_pull_pkey PRIMARY KEY (id);
ALTER TABLE ONLY t_blue.staff
    ADD CONSTRAINT staff_email_key UNIQUE (email);
ALTER TABLE ONLY t_blue.staff
    ADD CONSTRAINT staff_pkey PRIMARY KEY (id);
CREATE INDEX audit_log_at_idx ON public.audit_log USING btree (at);
CREATE INDEX advertiser_login_advertiser_idx ON t_acme.advertiser_login USING btree (advertiser);
CREATE INDEX api_token_advertiser_idx ON t_acme.api_token USING btree (advertiser);
CREATE INDEX audit_log_at_idx ON t_acme.audit_log USING btree (at);
CREATE INDEX conversion_click_idx ON t_acme.conversion USING btree (click) WHERE (click IS NOT NULL);
CREATE INDEX conversion_occurred_at_idx ON t_acme.conversion USING btree (occurred_at);
CREATE UNIQUE INDEX event_2025_05_id_idx ON t_acme.event_2025_05 USING btree (id);
CREATE UNIQUE INDEX event_2026_11_id_idx ON t_acme.event_2026_11 USING btree (id);
CREATE UNIQUE INDEX event_2026_12_id_idx ON t_acme.event_2026_12 USING btree (id);
CREATE INDEX intake_received_at_idx ON t_acme.intake USING btree (received_at);
CREATE INDEX intake_reject_intake_idx ON t_acme.intake_reject USING btree (intake);
CREATE INDEX offer_advertiser_idx ON t_acme.offer USING btree (advertiser);
CREATE INDEX singular_pull_advertiser_at_idx ON t_acme.singular_pull USING btree (advertiser, at);
CREATE INDEX advertiser_login_advertiser_idx ON t_blue.advertiser_login USING btree (advertiser);
CREATE INDEX api_token_advertiser_idx ON t_blue.api_token USING btree (advertiser);
CREATE INDEX audit_log_at_idx ON t_blue.audit_log USING btree (at);
CREATE INDEX conversion_click_idx ON t_blue.conversion USING btree (click) WHERE (click IS NOT NULL);
CREATE INDEX conversion_occurred_at_idx ON t_blue.conversion USING btree (occurred_at);
CREATE UNIQUE INDEX event_2026_11_id_idx ON t_blue.event_2026_11 USING btree (id);
CREATE UNIQUE INDEX event_2026_12_id_idx ON t_blue.event_2026_12 USING btree (id);
CREATE INDEX intake_received_at_idx ON t_blue.intake USING btree (received_at);
CREATE INDEX intake_reject_intake_idx ON t_blue.intake_reject USING btree (intake);
CREATE INDEX offer_advertiser_idx ON t_blue.offer USING btree (advertiser);
CREATE INDEX singular_pull_advertiser_at_idx ON t_blue.singular_pull USING btree (advertiser, at);
CREATE TRIGGER audit AFTER INSERT ON public.one_time_link FOR EACH ROW EXECUTE FUNCTION public.gokart_audit('digest');
CREATE TRIGGER audit AFTER DELETE ON public.session FOR EACH ROW WHEN (((current_setting('gokart.actor'::text, true) <> ''::text) AND (old.expires_at > now()))) EXECUTE FUNCTION public.gokart_audit('digest');
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE OF email, name, active, password, totp_secret, recovery_codes, role ON public.staff FOR EACH ROW EXECUTE FUNCTION public.gokart_audit('password', 'totp_secret', 'recovery_codes');
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE OF slug, name, status, token_rate, token_burst, token_concurrency ON public.tenant FOR EACH ROW EXECUTE FUNCTION public.gokart_audit();
CREATE TRIGGER audit_version AFTER UPDATE OF version ON public.tenant FOR EACH ROW WHEN ((old.version IS NOT NULL)) EXECUTE FUNCTION public.gokart_audit();
CREATE TRIGGER changed AFTER INSERT OR DELETE OR UPDATE ON public.tenant FOR EACH ROW EXECUTE FUNCTION public.gokart_tenant_changed();
CREATE TRIGGER keep_an_owner_changed AFTER UPDATE OF role, active, password ON public.staff FOR EACH ROW WHEN ((((old.role)::text = 'owner'::text) AND old.active AND (old.password IS NOT NULL) AND (NOT (((new.role)::text = 'owner'::text) AND new.active AND (new.password IS NOT NULL))))) EXECUTE FUNCTION public.keep_an_owner();
CREATE TRIGGER keep_an_owner_deleted AFTER DELETE ON public.staff FOR EACH ROW WHEN ((((old.role)::text = 'owner'::text) AND old.active AND (old.password IS NOT NULL))) EXECUTE FUNCTION public.keep_an_owner();
CREATE TRIGGER unchangeable BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit_log FOR EACH STATEMENT EXECUTE FUNCTION public.gokart_audit_log_is_kept();
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON t_acme.advertiser FOR EACH ROW EXECUTE FUNCTION public.gokart_audit();
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE OF email, name, active, password, totp_secret, recovery_codes, advertiser, scopes ON t_acme.advertiser_login FOR EACH ROW EXECUTE FUNCTION public.gokart_audit('password', 'totp_secret', 'recovery_codes');
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE OF advertiser, replaces, name, scopes, networks, rate, burst, concurrency, expires_at, revoked_at ON t_acme.api_token FOR EACH ROW EXECUTE FUNCTION public.gokart_audit('digest');
CREATE TRIGGER audit AFTER UPDATE ON t_acme.conversion FOR EACH ROW WHEN ((COALESCE(current_setting('gokart.actor'::text, true), ''::text) !~~ 'intake:%'::text)) EXECUTE FUNCTION public.gokart_audit();
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON t_acme.offer FOR EACH ROW WHEN ((COALESCE(current_setting('gokart.actor'::text, true), ''::text) !~~ 'intake:%'::text)) EXECUTE FUNCTION public.gokart_audit();
CREATE TRIGGER audit AFTER INSERT ON t_acme.one_time_link FOR EACH ROW EXECUTE FUNCTION public.gokart_audit('digest');
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON t_acme.partner FOR EACH ROW WHEN ((COALESCE(current_setting('gokart.actor'::text, true), ''::text) !~~ 'intake:%'::text)) EXECUTE FUNCTION public.gokart_audit();
CREATE TRIGGER audit AFTER DELETE ON t_acme.session FOR EACH ROW WHEN (((current_setting('gokart.actor'::text, true) <> ''::text) AND (old.expires_at > now()))) EXECUTE FUNCTION public.gokart_audit('digest');
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON t_acme.setting FOR EACH ROW EXECUTE FUNCTION public.gokart_audit();
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE OF email, name, active, password, totp_secret, recovery_codes, role ON t_acme.staff FOR EACH ROW EXECUTE FUNCTION public.gokart_audit('password', 'totp_secret', 'recovery_codes');
CREATE TRIGGER changed AFTER DELETE OR UPDATE OF status, singular_enabled ON t_acme.advertiser FOR EACH ROW EXECUTE FUNCTION public.gokart_schema_changed();
CREATE TRIGGER changed AFTER DELETE OR UPDATE OF advertiser, digest, scopes, networks, rate, burst, concurrency, expires_at, revoked_at ON t_acme.api_token FOR EACH ROW EXECUTE FUNCTION public.gokart_schema_changed();
CREATE TRIGGER keep_an_owner_changed AFTER UPDATE OF role, active, password ON t_acme.staff FOR EACH ROW WHEN ((((old.role)::text = 'owner'::text) AND old.active AND (old.password IS NOT NULL) AND (NOT (((new.role)::text = 'owner'::text) AND new.active AND (new.password IS NOT NULL))))) EXECUTE FUNCTION t_acme.keep_an_owner();
CREATE TRIGGER keep_an_owner_deleted AFTER DELETE ON t_acme.staff FOR EACH ROW WHEN ((((old.role)::text = 'owner'::text) AND old.active AND (old.password IS NOT NULL))) EXECUTE FUNCTION t_acme.keep_an_owner();
CREATE TRIGGER raise_version BEFORE UPDATE OF advertiser, name, campaign_name, app_name, store_id, os ON t_acme.offer FOR EACH ROW EXECUTE FUNCTION t_acme.raise_version();
CREATE TRIGGER raise_version BEFORE UPDATE OF name ON t_acme.partner FOR EACH ROW EXECUTE FUNCTION t_acme.raise_version();
CREATE TRIGGER unchangeable BEFORE DELETE OR UPDATE OR TRUNCATE ON t_acme.audit_log FOR EACH STATEMENT EXECUTE FUNCTION public.gokart_audit_log_is_kept();
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON t_blue.advertiser FOR EACH ROW EXECUTE FUNCTION public.gokart_audit();
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE OF email, name, active, password, totp_secret, recovery_codes, advertiser, scopes ON t_blue.advertiser_login FOR EACH ROW EXECUTE FUNCTION public.gokart_audit('password', 'totp_secret', 'recovery_codes');
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE OF advertiser, replaces, name, scopes, networks, rate, burst, concurrency, expires_at, revoked_at ON t_blue.api_token FOR EACH ROW EXECUTE FUNCTION public.gokart_audit('digest');
CREATE TRIGGER audit AFTER UPDATE ON t_blue.conversion FOR EACH ROW WHEN ((COALESCE(current_setting('gokart.actor'::text, true), ''::text) !~~ 'intake:%'::text)) EXECUTE FUNCTION public.gokart_audit();
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON t_blue.offer FOR EACH ROW WHEN ((COALESCE(current_setting('gokart.actor'::text, true), ''::text) !~~ 'intake:%'::text)) EXECUTE FUNCTION public.gokart_audit();
CREATE TRIGGER audit AFTER INSERT ON t_blue.one_time_link FOR EACH ROW EXECUTE FUNCTION public.gokart_audit('digest');
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON t_blue.partner FOR EACH ROW WHEN ((COALESCE(current_setting('gokart.actor'::text, true), ''::text) !~~ 'intake:%'::text)) EXECUTE FUNCTION public.gokart_audit();
CREATE TRIGGER audit AFTER DELETE ON t_blue.session FOR EACH ROW WHEN (((current_setting('gokart.actor'::text, true) <> ''::text) AND (old.expires_at > now()))) EXECUTE FUNCTION public.gokart_audit('digest');
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON t_blue.setting FOR EACH ROW EXECUTE FUNCTION public.gokart_audit();
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE OF email, name, active, password, totp_secret, recovery_codes, role ON t_blue.staff FOR EACH ROW EXECUTE FUNCTION public.gokart_audit('password', 'totp_secret', 'recovery_codes');
CREATE TRIGGER changed AFTER DELETE OR UPDATE OF status, singular_enabled ON t_blue.advertiser FOR EACH ROW EXECUTE FUNCTION public.gokart_schema_changed();
CREATE TRIGGER changed AFTER DELETE OR UPDATE OF advertiser, digest, scopes, networks, rate, burst, concurrency, expires_at, revoked_at ON t_blue.api_token FOR EACH ROW EXECUTE FUNCTION public.gokart_schema_changed();
CREATE TRIGGER keep_an_owner_changed AFTER UPDATE OF role, active, password ON t_blue.staff FOR EACH ROW WHEN ((((old.role)::text = 'owner'::text) AND old.active AND (old.password IS NOT NULL) AND (NOT (((new.role)::text = 'owner'::text) AND new.active AND (new.password IS NOT NULL))))) EXECUTE FUNCTION t_blue.keep_an_owner();
CREATE TRIGGER keep_an_owner_deleted AFTER DELETE ON t_blue.staff FOR EACH ROW WHEN ((((old.role)::text = 'owner'::text) AND old.active AND (old.password IS NOT NULL))) EXECUTE FUNCTION t_blue.keep_an_owner();
CREATE TRIGGER raise_version BEFORE UPDATE OF advertiser, name, campaign_name, app_name, store_id, os ON t_blue.offer FOR EACH ROW EXECUTE FUNCTION t_blue.raise_version();
CREATE TRIGGER raise_version BEFORE UPDATE OF name ON t_blue.partner FOR EACH ROW EXECUTE FUNCTION t_blue.raise_version();
CREATE TRIGGER unchangeable BEFORE DELETE OR UPDATE OR TRUNCATE ON t_blue.audit_log FOR EACH STATEMENT EXECUTE FUNCTION public.gokart_audit_log_is_kept();
ALTER TABLE ONLY public.one_time_link
    ADD CONSTRAINT one_time_link_staff_fkey FOREIGN KEY (staff) REFERENCES public.staff(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_staff_fkey FOREIGN KEY (staff) REFERENCES public.staff(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.tenant_migration
    ADD CONSTRAINT tenant_migration_tenant_fkey FOREIGN KEY (tenant) REFERENCES public.tenant(id) ON DELETE CASCADE;
ALTER TABLE ONLY t_acme.advertiser_login
    ADD CONSTRAINT advertiser_login_advertiser_fkey FOREIGN KEY (advertiser) REFERENCES t_acme.advertiser(id);
ALTER TABLE ONLY t_acme.api_token
    ADD CONSTRAINT api_token_advertiser_fkey FOREIGN KEY (advertiser) REFERENCES t_acme.advertiser(id);
ALTER TABLE ONLY t_acme.api_token
    ADD CONSTRAINT api_token_replaces_fkey FOREIGN KEY (replaces) REFERENCES t_acme.api_token(id) ON DELETE SET NULL;
ALTER TABLE ONLY t_acme.by_month
    ADD CONSTRAINT by_month_offer_fkey FOREIGN KEY (offer) REFERENCES t_acme.offer(key);
ALTER TABLE ONLY t_acme.by_month
    ADD CONSTRAINT by_month_partner_fkey FOREIGN KEY (partner) REFERENCES t_acme.partner(key);
ALTER TABLE ONLY t_acme.conversion
    ADD CONSTRAINT conversion_offer_fkey FOREIGN KEY (offer) REFERENCES t_acme.offer(key);
ALTER TABLE ONLY t_acme.conversion
    ADD CONSTRAINT conversion_partner_fkey FOREIGN KEY (partner) REFERENCES t_acme.partner(key);
ALTER TABLE ONLY t_acme.intake_reject
    ADD CONSTRAINT intake_reject_intake_fkey FOREIGN KEY (intake) REFERENCES t_acme.intake(id) ON DELETE CASCADE;
ALTER TABLE ONLY t_acme.offer
    ADD CONSTRAINT offer_advertiser_fkey FOREIGN KEY (advertiser) REFERENCES t_acme.advertiser(id);
ALTER TABLE ONLY t_acme.one_time_link
    ADD CONSTRAINT one_time_link_login_fkey FOREIGN KEY (login) REFERENCES t_acme.advertiser_login(id) ON DELETE CASCADE;
ALTER TABLE ONLY t_acme.one_time_link
    ADD CONSTRAINT one_time_link_staff_fkey FOREIGN KEY (staff) REFERENCES t_acme.staff(id) ON DELETE CASCADE;
ALTER TABLE ONLY t_acme.session
    ADD CONSTRAINT session_login_fkey FOREIGN KEY (login) REFERENCES t_acme.advertiser_login(id) ON DELETE CASCADE;
ALTER TABLE ONLY t_acme.session
    ADD CONSTRAINT session_staff_fkey FOREIGN KEY (staff) REFERENCES t_acme.staff(id) ON DELETE CASCADE;
ALTER TABLE ONLY t_acme.singular_pull
    ADD CONSTRAINT singular_pull_advertiser_fkey FOREIGN KEY (advertiser) REFERENCES t_acme.advertiser(id);
ALTER TABLE ONLY t_acme.singular_pull
    ADD CONSTRAINT singular_pull_token_fkey FOREIGN KEY (token) REFERENCES t_acme.api_token(id) ON DELETE CASCADE;
ALTER TABLE ONLY t_blue.advertiser_login
    ADD CONSTRAINT advertiser_login_advertiser_fkey FOREIGN KEY (advertiser) REFERENCES t_blue.advertiser(id);
ALTER TABLE ONLY t_blue.api_token
    ADD CONSTRAINT api_token_advertiser_fkey FOREIGN KEY (advertiser) REFERENCES t_blue.advertiser(id);
ALTER TABLE ONLY t_blue.api_token
    ADD CONSTRAINT api_token_replaces_fkey FOREIGN KEY (replaces) REFERENCES t_blue.api_token(id) ON DELETE SET NULL;
ALTER TABLE ONLY t_blue.by_month
    ADD CONSTRAINT by_month_offer_fkey FOREIGN KEY (offer) REFERENCES t_blue.offer(key);
ALTER TABLE ONLY t_blue.by_month
    ADD CONSTRAINT by_month_partner_fkey FOREIGN KEY (partner) REFERENCES t_blue.partner(key);
ALTER TABLE ONLY t_blue.conversion
    ADD CONSTRAINT conversion_offer_fkey FOREIGN KEY (offer) REFERENCES t_blue.offer(key);
ALTER TABLE ONLY t_blue.conversion
    ADD CONSTRAINT conversion_partner_fkey FOREIGN KEY (partner) REFERENCES t_blue.partner(key);
ALTER TABLE ONLY t_blue.intake_reject
    ADD CONSTRAINT intake_reject_intake_fkey FOREIGN KEY (intake) REFERENCES t_blue.intake(id) ON DELETE CASCADE;
ALTER TABLE ONLY t_blue.offer
    ADD CONSTRAINT offer_advertiser_fkey FOREIGN KEY (advertiser) REFERENCES t_blue.advertiser(id);
ALTER TABLE ONLY t_blue.one_time_link
    ADD CONSTRAINT one_time_link_login_fkey FOREIGN KEY (login) REFERENCES t_blue.advertiser_login(id) ON DELETE CASCADE;
ALTER TABLE ONLY t_blue.one_time_link
    ADD CONSTRAINT one_time_link_staff_fkey FOREIGN KEY (staff) REFERENCES t_blue.staff(id) ON DELETE CASCADE;
ALTER TABLE ONLY t_blue.session
    ADD CONSTRAINT session_login_fkey FOREIGN KEY (login) REFERENCES t_blue.advertiser_login(id) ON DELETE CASCADE;
ALTER TABLE ONLY t_blue.session
    ADD CONSTRAINT session_staff_fkey FOREIGN KEY (staff) REFERENCES t_blue.staff(id) ON DELETE CASCADE;
ALTER TABLE ONLY t_blue.singular_pull
    ADD CONSTRAINT singular_pull_advertiser_fkey FOREIGN KEY (advertiser) REFERENCES t_blue.advertiser(id);
ALTER TABLE ONLY t_blue.singular_pull
    ADD CONSTRAINT singular_pull_token_fkey FOREIGN KEY (token) REFERENCES t_blue.api_token(id) ON DELETE CASCADE;

-- A tenant's schema, as the migrations create it. `make schema` writes this file.

CREATE SCHEMA tenant;

CREATE FUNCTION tenant.cause_of_change() RETURNS text
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE
        WHEN current_setting('gokart.actor', true) = 'intake:files' THEN 'import'
        WHEN current_setting('gokart.actor', true) LIKE 'intake:%' THEN 'callback'
        WHEN current_setting('gokart.actor', true) <> '' THEN 'correction'
        ELSE 'callback'
    END
$$;

CREATE FUNCTION tenant.check_time_zone() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NEW.time_zone IS NULL THEN
        NEW.time_zone := tenant.default_time_zone();
    ELSIF NEW.time_zone <> tenant.default_time_zone()
        AND NOT EXISTS (SELECT FROM pg_timezone_names WHERE name = NEW.time_zone)
    THEN
        RAISE EXCEPTION '% is not the IANA name of a time zone, such as Europe/Berlin.', NEW.time_zone
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION tenant.copy_singular_pull() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO tenant.request_log (at, token, advertiser, endpoint, starts_at, ends_at, status, rows, milliseconds)
    VALUES (
        NEW.at, NEW.token, NEW.advertiser, '/api/v1/integrations/cost-report/singular/' || NEW.format, NEW.starts_at,
        NEW.ends_at, NEW.status, NEW.rows, NEW.milliseconds
    );
    RETURN NULL;
END $$;

CREATE FUNCTION tenant.default_time_zone() RETURNS character varying
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT time_zone FROM tenant.setting), 'UTC')
$$;

CREATE FUNCTION tenant.has_amounts(offer_key integer) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT EXISTS (SELECT FROM tenant.by_month WHERE offer = offer_key)
        OR EXISTS (SELECT FROM tenant.conversion WHERE offer = offer_key)
$$;

CREATE FUNCTION tenant.keep_an_owner() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(TG_TABLE_SCHEMA || '.owner', 0));
    IF NOT EXISTS (SELECT FROM tenant.staff WHERE role = 'owner' AND active AND password IS NOT NULL) THEN
        RAISE EXCEPTION 'There would be no owner left: make somebody else an owner first.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION tenant.keep_currency() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM FROM tenant.advertiser WHERE id = OLD.id FOR UPDATE;
    PERFORM FROM tenant.offer WHERE advertiser = OLD.id ORDER BY id FOR UPDATE;
    IF EXISTS (SELECT FROM tenant.offer o WHERE o.advertiser = OLD.id AND tenant.has_amounts(o.key)) THEN
        RAISE EXCEPTION 'The currency cannot be changed: the advertiser has amounts in %.', OLD.currency
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION tenant.keep_currency_of_offer() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF (SELECT currency FROM tenant.advertiser WHERE id = OLD.advertiser)
        <> (SELECT currency FROM tenant.advertiser WHERE id = NEW.advertiser)
    THEN
        PERFORM FROM tenant.offer WHERE id = OLD.id FOR UPDATE;
        IF tenant.has_amounts(OLD.key) THEN
            RAISE EXCEPTION 'The offer cannot be moved: its advertiser and the new one have different currencies.'
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION tenant.keep_state() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    changed_before timestamptz := coalesce(OLD.changed_at, OLD.received_at);
BEGIN
    IF (OLD.occurred_at, OLD.cost, OLD.offer, OLD.partner, OLD.status, OLD.rejection_reason)
        IS NOT DISTINCT FROM (NEW.occurred_at, NEW.cost, NEW.offer, NEW.partner, NEW.status, NEW.rejection_reason)
    THEN
        RETURN NEW;
    END IF;
    NEW.changed_at := greatest(now(), changed_before);
    INSERT INTO tenant.conversion_history (
        conversion, since, until, occurred_at, cost, offer, partner, status, rejection_reason, cause
    ) VALUES (
        OLD.id, changed_before, NEW.changed_at, OLD.occurred_at, OLD.cost, OLD.offer, OLD.partner, OLD.status,
        OLD.rejection_reason, OLD.cause
    );
    NEW.cause := tenant.cause_of_change();
    RETURN NEW;
END $$;

CREATE FUNCTION tenant.quarter_written() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    delta tenant.by_quarter := NEW;
    today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    nearly_now timestamptz := clock_timestamp() + interval '15 minutes';
    change_cause text := tenant.cause_of_change();
    is_late boolean;
    ended_before timestamptz;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        delta.conversions := NEW.conversions - OLD.conversions;
        delta.clicks := NEW.clicks - OLD.clicks;
        delta.views := NEW.views - OLD.views;
        delta.cost := NEW.cost - OLD.cost;
    END IF;
    INSERT INTO tenant.by_hour AS t (offer, bucket, partner, conversions, clicks, views, cost)
    VALUES (
        delta.offer, date_trunc('hour', delta.bucket, 'UTC'), delta.partner, delta.conversions, delta.clicks,
        delta.views, delta.cost
    )
    ON CONFLICT (offer, bucket, partner) DO UPDATE SET
        conversions = t.conversions + excluded.conversions,
        clicks = t.clicks + excluded.clicks,
        views = t.views + excluded.views,
        cost = t.cost + excluded.cost;
    SELECT greatest(date_trunc('day', nearly_now, 'UTC'), date_trunc('day', nearly_now, a.time_zone))
    INTO ended_before
    FROM tenant.offer o JOIN tenant.advertiser a ON a.id = o.advertiser WHERE o.key = delta.offer;
    IF delta.bucket < ended_before THEN
        SELECT change_cause <> 'import'
            AND (delta.bucket AT TIME ZONE 'UTC')::date < today - coalesce(max(final_after_days), 30)
        INTO is_late
        FROM tenant.setting;
        INSERT INTO tenant.restatement (bucket, cost, offer, partner, conversions, clicks, views, late, cause)
        VALUES (
            delta.bucket, delta.cost, delta.offer, delta.partner, delta.conversions, delta.clicks, delta.views,
            is_late, change_cause
        );
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION tenant.raise_version() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.version := OLD.version + 1;
    NEW.updated_at := now();
    RETURN NEW;
END $$;

CREATE FUNCTION tenant.record_deactivation() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.deactivated_by_team :=
        NOT NEW.active AND coalesce(current_setting('gokart.actor', true), '') LIKE 'advertiser:%';
    RETURN NEW;
END $$;

CREATE FUNCTION tenant.record_departure() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    former record;
BEGIN
    FOR former IN
        SELECT advertiser, NEW.changed_at AS left_at FROM tenant.offer WHERE key = OLD.offer
        UNION ALL
        SELECT from_advertiser, moved_at
        FROM tenant.offer_move
        WHERE offer = OLD.offer AND moved_at > (
            SELECT min(since) FROM tenant.conversion_history WHERE conversion = OLD.id AND offer = OLD.offer
        )
    LOOP
        IF former.advertiser <> (SELECT advertiser FROM tenant.offer WHERE key = NEW.offer) THEN
            INSERT INTO tenant.conversion_departure AS d (conversion, advertiser, left_at)
            VALUES (NEW.id, former.advertiser, former.left_at)
            ON CONFLICT (advertiser, conversion) DO UPDATE SET left_at = greatest(d.left_at, excluded.left_at);
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

CREATE FUNCTION tenant.record_offer_move() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO tenant.offer_move (xid, offer, from_advertiser, to_advertiser)
    VALUES (pg_current_xact_id(), NEW.key, OLD.advertiser, NEW.advertiser);
    RETURN NULL;
END $$;

CREATE FUNCTION tenant.record_time_zone_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.time_zone_since := clock_timestamp();
    RETURN NEW;
END $$;

CREATE FUNCTION tenant.search_words(text) RETURNS tsvector
    LANGUAGE plpgsql IMMUTABLE STRICT COST 10000
    AS $_$
BEGIN
    RETURN array_to_tsvector(array_remove(regexp_split_to_array(lower($1), '[ -/:-@\[-`{-~]+'), ''));
END $_$;

CREATE FUNCTION tenant.stamp_transaction() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.xid := pg_current_xact_id();
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME LIKE 'changed_month%' THEN
        NEW.xid := greatest(OLD.xid, NEW.xid);
    END IF;
    RETURN NEW;
END $$;

CREATE TABLE tenant.advertiser (
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
    time_zone character varying(64) NOT NULL,
    time_zone_since timestamp with time zone,
    CONSTRAINT advertiser_currency_check CHECK (((currency)::text ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT advertiser_name_check CHECK (((name)::text <> ''::text)),
    CONSTRAINT advertiser_status_check CHECK (((status)::text = ANY ('{active,paused,archived}'::text[])))
);

CREATE TABLE tenant.advertiser_login (
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
    admin boolean DEFAULT false NOT NULL,
    deactivated_by_team boolean DEFAULT false NOT NULL,
    CONSTRAINT advertiser_login_email_check CHECK ((((email)::text = lower((email)::text)) AND ((email)::text ~~ '%_@_%'::text))),
    CONSTRAINT advertiser_login_name_check CHECK (((name)::text <> ''::text)),
    CONSTRAINT advertiser_login_scopes_check CHECK (((cardinality(scopes) > 0) AND (scopes <@ '{cost-report,singular,conversions}'::character varying[])))
);

ALTER TABLE tenant.advertiser_login ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME tenant.advertiser_login_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE tenant.advertiser_view (
    id bigint NOT NULL,
    session bigint NOT NULL,
    advertiser uuid NOT NULL,
    name character varying(500) NOT NULL,
    until timestamp with time zone NOT NULL
);

ALTER TABLE tenant.advertiser_view ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenant.advertiser_view_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE tenant.api_token (
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
    CONSTRAINT api_token_scopes_check CHECK (((cardinality(scopes) > 0) AND (scopes <@ '{cost-report,singular,conversions,ingest}'::character varying[])))
);

ALTER TABLE tenant.api_token ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME tenant.api_token_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE tenant.audit_log (
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

ALTER TABLE tenant.audit_log ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenant.audit_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE tenant.by_day (
    bucket date NOT NULL,
    cost bigint NOT NULL,
    offer integer NOT NULL,
    partner integer NOT NULL,
    conversions integer NOT NULL,
    clicks integer NOT NULL,
    views integer NOT NULL
)
WITH (fillfactor='90');

CREATE TABLE tenant.by_hour (
    bucket timestamp with time zone NOT NULL,
    cost bigint NOT NULL,
    offer integer NOT NULL,
    partner integer NOT NULL,
    conversions integer NOT NULL,
    clicks integer NOT NULL,
    views integer NOT NULL
)
WITH (fillfactor='90');

CREATE TABLE tenant.by_month (
    bucket date NOT NULL,
    cost bigint NOT NULL,
    offer integer NOT NULL,
    partner integer NOT NULL,
    conversions bigint NOT NULL,
    clicks bigint NOT NULL,
    views bigint NOT NULL
)
WITH (fillfactor='90');

CREATE TABLE tenant.by_quarter (
    bucket timestamp with time zone NOT NULL,
    cost bigint NOT NULL,
    offer integer NOT NULL,
    partner integer NOT NULL,
    conversions integer NOT NULL,
    clicks integer NOT NULL,
    views integer NOT NULL
)
WITH (fillfactor='90');

CREATE TABLE tenant.changed_day (
    offer integer NOT NULL,
    bucket date NOT NULL,
    version bigint NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    xid xid8 DEFAULT '0'::xid8 NOT NULL,
    late boolean DEFAULT false NOT NULL
)
WITH (fillfactor='90');

CREATE TABLE tenant.changed_month (
    offer integer CONSTRAINT changed_day_offer_not_null NOT NULL,
    bucket date CONSTRAINT changed_day_bucket_not_null NOT NULL,
    version bigint CONSTRAINT changed_day_version_not_null NOT NULL,
    changed_at timestamp with time zone CONSTRAINT changed_day_changed_at_not_null NOT NULL,
    xid xid8 DEFAULT '0'::xid8 NOT NULL
)
WITH (fillfactor='90');

CREATE TABLE tenant.conversion (
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
    details jsonb,
    changed_at timestamp with time zone DEFAULT now(),
    cause character varying(10) DEFAULT tenant.cause_of_change(),
    CONSTRAINT conversion_cost_check CHECK ((cost >= 0)),
    CONSTRAINT conversion_status_check CHECK (((status)::text = ANY ((ARRAY['Pending'::character varying, 'Success'::character varying, 'Rejected'::character varying])::text[])))
)
WITH (fillfactor='90');

CREATE TABLE tenant.conversion_departure (
    conversion uuid NOT NULL,
    advertiser uuid NOT NULL,
    left_at timestamp with time zone NOT NULL
);

CREATE TABLE tenant.conversion_history (
    id bigint NOT NULL,
    conversion uuid NOT NULL,
    since timestamp with time zone NOT NULL,
    until timestamp with time zone NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    cost bigint NOT NULL,
    offer integer NOT NULL,
    partner integer NOT NULL,
    status character varying(10) NOT NULL,
    rejection_reason text,
    cause character varying(10)
);

ALTER TABLE tenant.conversion_history ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenant.conversion_history_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE tenant.offer (
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
    updated_at timestamp with time zone DEFAULT now(),
    status character varying(10) DEFAULT 'active'::character varying NOT NULL,
    CONSTRAINT offer_name_check CHECK (((name)::text <> ''::text)),
    CONSTRAINT offer_os_check CHECK (((os)::text = ANY ((ARRAY['IOS'::character varying, 'ANDROID'::character varying, 'WEB'::character varying])::text[]))),
    CONSTRAINT offer_status_check CHECK (((status)::text = ANY ('{active,paused,archived}'::text[])))
);

CREATE TABLE tenant.partner (
    id uuid NOT NULL,
    key integer NOT NULL,
    name character varying(500) NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now(),
    status character varying(10) DEFAULT 'active'::character varying NOT NULL,
    CONSTRAINT partner_name_check CHECK (((name)::text <> ''::text)),
    CONSTRAINT partner_status_check CHECK (((status)::text = ANY ('{active,archived}'::text[])))
);

CREATE VIEW tenant.conversion_list AS
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
   FROM (((tenant.conversion c
     JOIN tenant.offer o ON ((o.key = c.offer)))
     JOIN tenant.advertiser a ON ((a.id = o.advertiser)))
     JOIN tenant.partner p ON ((p.key = c.partner)));

CREATE TABLE tenant.event (
    id uuid NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    offer integer NOT NULL,
    partner integer NOT NULL,
    is_click boolean NOT NULL
)
PARTITION BY RANGE (occurred_at);

CREATE TABLE tenant.intake (
    id bigint NOT NULL,
    received_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    kind character varying(12) NOT NULL,
    token integer,
    accepted integer NOT NULL,
    duplicates integer NOT NULL,
    rejected integer NOT NULL
);

ALTER TABLE tenant.intake ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenant.intake_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE tenant.intake_reject (
    id bigint NOT NULL,
    intake bigint NOT NULL,
    index integer NOT NULL,
    record character varying(200),
    field character varying(100) NOT NULL,
    message text NOT NULL
);

ALTER TABLE tenant.intake_reject ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenant.intake_reject_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW tenant.intake_reject_list AS
 SELECT r.id,
    i.received_at,
    i.kind,
    r.index,
    r.record,
    r.field,
    "left"(r.message, 300) AS message,
    t.name AS token
   FROM ((tenant.intake_reject r
     JOIN tenant.intake i ON ((i.id = r.intake)))
     LEFT JOIN tenant.api_token t ON ((t.id = i.token)));

CREATE TABLE tenant.logo (
    id integer DEFAULT 1 NOT NULL,
    name character varying(20) DEFAULT 'logo'::character varying NOT NULL,
    digest character varying(32) NOT NULL,
    media_type character varying(20) NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    content bytea NOT NULL,
    CONSTRAINT logo_content_check CHECK ((length(content) <= 100000)),
    CONSTRAINT logo_height_check CHECK (((height >= 1) AND (height <= 1000))),
    CONSTRAINT logo_id_check CHECK ((id = 1)),
    CONSTRAINT logo_media_type_check CHECK (((media_type)::text = ANY ('{image/png,image/jpeg,image/webp}'::text[]))),
    CONSTRAINT logo_width_check CHECK (((width >= 1) AND (width <= 1000)))
);

CREATE TABLE tenant.notification (
    id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    read_at timestamp with time zone,
    sent_at timestamp with time zone,
    advertiser uuid NOT NULL,
    login integer NOT NULL,
    portal boolean NOT NULL,
    email boolean NOT NULL,
    kind character varying(20) NOT NULL,
    subject character varying(100) NOT NULL,
    title character varying(300) NOT NULL,
    text character varying(2000) NOT NULL,
    path character varying(300) NOT NULL,
    claimed_until timestamp with time zone
);

CREATE TABLE tenant.notification_choice (
    login integer NOT NULL,
    kind character varying(20) NOT NULL,
    portal boolean NOT NULL,
    email boolean NOT NULL
);

ALTER TABLE tenant.notification ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenant.notification_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE tenant.notification_progress (
    id integer DEFAULT 1 NOT NULL,
    final_days_until timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT notification_progress_id_check CHECK ((id = 1))
);

ALTER TABLE tenant.offer ALTER COLUMN key ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenant.offer_key_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE tenant.offer_move (
    id bigint NOT NULL,
    moved_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    xid xid8 NOT NULL,
    offer integer NOT NULL,
    from_advertiser uuid NOT NULL,
    to_advertiser uuid NOT NULL
);

ALTER TABLE tenant.offer_move ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenant.offer_move_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE tenant.one_time_link (
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

ALTER TABLE tenant.one_time_link ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenant.one_time_link_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE tenant.partner ALTER COLUMN key ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenant.partner_key_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE tenant.record_state (
    id integer DEFAULT 1 NOT NULL,
    incarnation uuid DEFAULT gen_random_uuid() NOT NULL,
    recorded_since timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    hours_since timestamp with time zone
);

CREATE TABLE tenant.rejected_record (
    id bigint NOT NULL,
    digest uuid NOT NULL,
    cause uuid NOT NULL,
    kind character varying(12) NOT NULL,
    token integer NOT NULL,
    record character varying(200),
    field character varying(100) NOT NULL,
    message text NOT NULL,
    reason text NOT NULL,
    payload text,
    size integer NOT NULL,
    times bigint DEFAULT 1 NOT NULL,
    first_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    resolution character varying(10),
    resolved_at timestamp with time zone,
    resolved_by character varying(320),
    fixed text,
    CONSTRAINT rejected_record_resolution_check CHECK (((resolution)::text = ANY ('{replayed,dismissed}'::text[])))
);

ALTER TABLE tenant.rejected_record ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenant.rejected_record_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE tenant.request_log (
    at timestamp with time zone NOT NULL,
    id bigint NOT NULL,
    sent bigint,
    rows bigint,
    starts_at timestamp with time zone,
    ends_at timestamp with time zone,
    advertiser uuid,
    token integer NOT NULL,
    accepted integer,
    rejected integer,
    milliseconds integer NOT NULL,
    status smallint NOT NULL,
    endpoint character varying(100) NOT NULL,
    address inet
);

CREATE VIEW tenant.request_list AS
 SELECT r.id,
    r.at,
    t.name AS token,
    t.hint,
    (COALESCE(a.name, ''::character varying))::character varying(500) AS advertiser,
    r.endpoint,
    r.status,
    r.rows,
    r.accepted,
    r.rejected,
    r.sent,
    r.milliseconds,
    (host(r.address))::character varying(43) AS address
   FROM ((( SELECT request_log.at,
            request_log.id,
            request_log.sent,
            request_log.rows,
            request_log.starts_at,
            request_log.ends_at,
            request_log.advertiser,
            request_log.token,
            request_log.accepted,
            request_log.rejected,
            request_log.milliseconds,
            request_log.status,
            request_log.endpoint,
            request_log.address
           FROM tenant.request_log
          ORDER BY request_log.at DESC, request_log.id DESC
         LIMIT 10000) r
     JOIN tenant.api_token t ON ((t.id = r.token)))
     LEFT JOIN tenant.advertiser a ON ((a.id = r.advertiser)));

ALTER TABLE tenant.request_log ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenant.request_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE tenant.restatement (
    changed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    bucket timestamp with time zone NOT NULL,
    xid xid8 DEFAULT '0'::xid8 NOT NULL,
    cost bigint NOT NULL,
    offer integer NOT NULL,
    partner integer NOT NULL,
    conversions integer NOT NULL,
    clicks integer NOT NULL,
    views integer NOT NULL,
    late boolean NOT NULL,
    cause character varying(10) NOT NULL
);

CREATE TABLE tenant.saved_view (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    advertiser uuid,
    login integer,
    sent_for date NOT NULL,
    schedule character varying(10) NOT NULL,
    name character varying(100) NOT NULL,
    query character varying(2000) NOT NULL,
    claimed_until timestamp with time zone,
    staff integer,
    CONSTRAINT saved_view_owner_check CHECK ((((staff IS NULL) <> (login IS NULL)) AND ((login IS NULL) = (advertiser IS NULL)))),
    CONSTRAINT saved_view_schedule_check CHECK (((schedule)::text = ANY ('{never,daily,weekly,monthly}'::text[])))
);

ALTER TABLE tenant.saved_view ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenant.saved_view_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE tenant.session (
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

ALTER TABLE tenant.session ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenant.session_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE tenant.setting (
    id integer DEFAULT 1 NOT NULL,
    name character varying(10) DEFAULT 'settings'::character varying NOT NULL,
    staff_totp_required boolean DEFAULT false NOT NULL,
    final_after_days integer DEFAULT 30 NOT NULL,
    support_email character varying(320),
    support_url character varying(500),
    time_zone character varying(64) DEFAULT 'UTC'::character varying NOT NULL,
    CONSTRAINT setting_id_check CHECK ((id = 1))
);

CREATE TABLE tenant.sign_in_attempt (
    key character varying(500) NOT NULL,
    attempts integer NOT NULL,
    since timestamp with time zone NOT NULL
);

CREATE TABLE tenant.singular_pull (
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

ALTER TABLE tenant.singular_pull ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenant.singular_pull_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW tenant.singular_pull_list AS
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
   FROM ((tenant.singular_pull p
     JOIN tenant.advertiser a ON ((a.id = p.advertiser)))
     JOIN tenant.api_token t ON ((t.id = p.token)));

CREATE TABLE tenant.staff (
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

ALTER TABLE tenant.staff ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME tenant.staff_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY tenant.advertiser_login
    ADD CONSTRAINT advertiser_login_email_key UNIQUE (email);

ALTER TABLE ONLY tenant.advertiser_login
    ADD CONSTRAINT advertiser_login_pkey PRIMARY KEY (id);

ALTER TABLE ONLY tenant.advertiser
    ADD CONSTRAINT advertiser_pkey PRIMARY KEY (id);

ALTER TABLE ONLY tenant.advertiser_view
    ADD CONSTRAINT advertiser_view_pkey PRIMARY KEY (id);

ALTER TABLE ONLY tenant.advertiser_view
    ADD CONSTRAINT advertiser_view_session_key UNIQUE (session);

ALTER TABLE ONLY tenant.api_token
    ADD CONSTRAINT api_token_digest_key UNIQUE (digest);

ALTER TABLE ONLY tenant.api_token
    ADD CONSTRAINT api_token_pkey PRIMARY KEY (id);

ALTER TABLE ONLY tenant.api_token
    ADD CONSTRAINT api_token_replaces_key UNIQUE (replaces);

ALTER TABLE ONLY tenant.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (id);

ALTER TABLE ONLY tenant.by_day
    ADD CONSTRAINT by_day_pkey PRIMARY KEY (offer, bucket, partner);

ALTER TABLE ONLY tenant.by_hour
    ADD CONSTRAINT by_hour_pkey PRIMARY KEY (offer, bucket, partner);

ALTER TABLE ONLY tenant.by_month
    ADD CONSTRAINT by_month_pkey PRIMARY KEY (offer, bucket, partner);

ALTER TABLE ONLY tenant.by_quarter
    ADD CONSTRAINT by_quarter_pkey PRIMARY KEY (offer, bucket, partner);

ALTER TABLE ONLY tenant.changed_day
    ADD CONSTRAINT changed_day_pkey PRIMARY KEY (offer, bucket);

ALTER TABLE ONLY tenant.changed_month
    ADD CONSTRAINT changed_month_pkey PRIMARY KEY (offer, bucket);

ALTER TABLE ONLY tenant.conversion_departure
    ADD CONSTRAINT conversion_departure_pkey PRIMARY KEY (advertiser, conversion);

ALTER TABLE ONLY tenant.conversion_history
    ADD CONSTRAINT conversion_history_pkey PRIMARY KEY (id);

ALTER TABLE ONLY tenant.conversion
    ADD CONSTRAINT conversion_pkey PRIMARY KEY (id);

ALTER TABLE ONLY tenant.intake
    ADD CONSTRAINT intake_pkey PRIMARY KEY (id);

ALTER TABLE ONLY tenant.intake_reject
    ADD CONSTRAINT intake_reject_pkey PRIMARY KEY (id);

ALTER TABLE ONLY tenant.logo
    ADD CONSTRAINT logo_pkey PRIMARY KEY (id);

ALTER TABLE ONLY tenant.notification_choice
    ADD CONSTRAINT notification_choice_pkey PRIMARY KEY (login, kind);

ALTER TABLE ONLY tenant.notification
    ADD CONSTRAINT notification_login_kind_subject_key UNIQUE (login, kind, subject);

ALTER TABLE ONLY tenant.notification
    ADD CONSTRAINT notification_pkey PRIMARY KEY (id);

ALTER TABLE ONLY tenant.notification_progress
    ADD CONSTRAINT notification_progress_pkey PRIMARY KEY (id);

ALTER TABLE ONLY tenant.offer
    ADD CONSTRAINT offer_key_key UNIQUE (key);

ALTER TABLE ONLY tenant.offer_move
    ADD CONSTRAINT offer_move_pkey PRIMARY KEY (id);

ALTER TABLE ONLY tenant.offer
    ADD CONSTRAINT offer_pkey PRIMARY KEY (id);

ALTER TABLE ONLY tenant.one_time_link
    ADD CONSTRAINT one_time_link_digest_key UNIQUE (digest);

ALTER TABLE ONLY tenant.one_time_link
    ADD CONSTRAINT one_time_link_pkey PRIMARY KEY (id);

ALTER TABLE ONLY tenant.partner
    ADD CONSTRAINT partner_key_key UNIQUE (key);

ALTER TABLE ONLY tenant.partner
    ADD CONSTRAINT partner_pkey PRIMARY KEY (id);

ALTER TABLE ONLY tenant.record_state
    ADD CONSTRAINT record_state_pkey PRIMARY KEY (id);

ALTER TABLE ONLY tenant.rejected_record
    ADD CONSTRAINT rejected_record_digest_key UNIQUE (digest);

ALTER TABLE ONLY tenant.rejected_record
    ADD CONSTRAINT rejected_record_pkey PRIMARY KEY (id);

ALTER TABLE ONLY tenant.request_log
    ADD CONSTRAINT request_log_pkey PRIMARY KEY (at, id);

ALTER TABLE ONLY tenant.saved_view
    ADD CONSTRAINT saved_view_pkey PRIMARY KEY (id);

ALTER TABLE ONLY tenant.session
    ADD CONSTRAINT session_digest_key UNIQUE (digest);

ALTER TABLE ONLY tenant.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (id);

ALTER TABLE ONLY tenant.setting
    ADD CONSTRAINT setting_pkey PRIMARY KEY (id);

ALTER TABLE ONLY tenant.sign_in_attempt
    ADD CONSTRAINT sign_in_attempt_pkey PRIMARY KEY (key);

ALTER TABLE ONLY tenant.singular_pull
    ADD CONSTRAINT singular_pull_pkey PRIMARY KEY (id);

ALTER TABLE ONLY tenant.staff
    ADD CONSTRAINT staff_email_key UNIQUE (email);

ALTER TABLE ONLY tenant.staff
    ADD CONSTRAINT staff_pkey PRIMARY KEY (id);

CREATE INDEX advertiser_created_at_idx ON tenant.advertiser USING btree (created_at, id);

CREATE INDEX advertiser_login_advertiser_idx ON tenant.advertiser_login USING btree (advertiser);

CREATE INDEX advertiser_name_idx ON tenant.advertiser USING btree (lower((name)::text), id);

CREATE INDEX advertiser_view_advertiser_idx ON tenant.advertiser_view USING btree (advertiser);

CREATE INDEX advertiser_words_idx ON tenant.advertiser USING gin (tenant.search_words((((name)::text || ' '::text) || id)));

CREATE INDEX api_token_advertiser_idx ON tenant.api_token USING btree (advertiser);

CREATE INDEX audit_log_actor_at_idx ON tenant.audit_log USING btree (actor, at);

CREATE INDEX audit_log_at_idx ON tenant.audit_log USING btree (at);

CREATE INDEX audit_log_subject_key_at_idx ON tenant.audit_log USING btree (subject, key, at);

CREATE INDEX conversion_click_idx ON tenant.conversion USING btree (click) WHERE (click IS NOT NULL);

CREATE INDEX conversion_history_conversion_idx ON tenant.conversion_history USING btree (conversion);

CREATE INDEX conversion_history_offer_occurred_at_idx ON tenant.conversion_history USING btree (offer, occurred_at);

CREATE INDEX conversion_history_until_idx ON tenant.conversion_history USING btree (until);

CREATE INDEX conversion_occurred_at_idx ON tenant.conversion USING btree (occurred_at);

CREATE INDEX conversion_offer_occurred_at_idx ON tenant.conversion USING btree (offer, occurred_at);

CREATE INDEX intake_kind_received_at_idx ON tenant.intake USING btree (kind, received_at) WHERE (accepted > 0);

CREATE INDEX intake_received_at_idx ON tenant.intake USING btree (received_at);

CREATE INDEX intake_reject_intake_idx ON tenant.intake_reject USING btree (intake);

CREATE INDEX intake_token_received_at_idx ON tenant.intake USING btree (token, received_at);

CREATE INDEX notification_created_at_idx ON tenant.notification USING btree (created_at);

CREATE INDEX notification_login_created_at_idx ON tenant.notification USING btree (login, created_at, id);

CREATE INDEX notification_unread_idx ON tenant.notification USING btree (login) WHERE (portal AND (read_at IS NULL));

CREATE INDEX notification_unsent_idx ON tenant.notification USING btree (login) WHERE (email AND (sent_at IS NULL));

CREATE INDEX offer_advertiser_idx ON tenant.offer USING btree (advertiser);

CREATE INDEX offer_campaign_idx ON tenant.offer USING btree (lower((COALESCE(campaign_name, ''::character varying))::text), id);

CREATE INDEX offer_created_at_idx ON tenant.offer USING btree (created_at, id);

CREATE INDEX offer_move_from_advertiser_idx ON tenant.offer_move USING btree (from_advertiser);

CREATE INDEX offer_move_offer_idx ON tenant.offer_move USING btree (offer);

CREATE INDEX offer_name_idx ON tenant.offer USING btree (lower((name)::text), id);

CREATE INDEX offer_words_idx ON tenant.offer USING gin (tenant.search_words((((((((name)::text || ' '::text) || id) || ' '::text) || (COALESCE(campaign_name, ''::character varying))::text) || ' '::text) || (COALESCE(store_id, ''::character varying))::text)));

CREATE INDEX partner_created_at_idx ON tenant.partner USING btree (created_at, id);

CREATE INDEX partner_name_idx ON tenant.partner USING btree (lower((name)::text), id);

CREATE INDEX partner_words_idx ON tenant.partner USING gin (tenant.search_words((((name)::text || ' '::text) || id)));

CREATE INDEX rejected_record_cause_id_idx ON tenant.rejected_record USING btree (cause, id) WHERE (resolved_at IS NULL);

CREATE INDEX rejected_record_last_at_id_idx ON tenant.rejected_record USING btree (last_at, id);

CREATE INDEX request_log_advertiser_at_idx ON tenant.request_log USING btree (advertiser, at) WHERE (advertiser IS NOT NULL);

CREATE INDEX request_log_endpoint_at_idx ON tenant.request_log USING btree (endpoint, at);

CREATE INDEX request_log_failed_at_idx ON tenant.request_log USING btree (at) WHERE (status >= 400);

CREATE INDEX request_log_singular_advertiser_at_idx ON tenant.request_log USING btree (advertiser, at) WHERE ((endpoint)::text ~~ '/api/v1/integrations/cost-report/singular/%'::text);

CREATE INDEX request_log_token_at_idx ON tenant.request_log USING btree (token, at);

CREATE INDEX restatement_changed_at_idx ON tenant.restatement USING brin (changed_at);

CREATE INDEX restatement_not_imported_idx ON tenant.restatement USING btree (offer, bucket) WHERE ((cause)::text <> 'import'::text);

CREATE INDEX restatement_offer_bucket_idx ON tenant.restatement USING btree (offer, bucket);

CREATE INDEX saved_view_login_idx ON tenant.saved_view USING btree (login);

CREATE INDEX saved_view_scheduled_idx ON tenant.saved_view USING btree (id) WHERE ((schedule)::text <> 'never'::text);

CREATE INDEX saved_view_staff_idx ON tenant.saved_view USING btree (staff);

CREATE INDEX singular_pull_advertiser_at_idx ON tenant.singular_pull USING btree (advertiser, at);

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON tenant.advertiser FOR EACH ROW EXECUTE FUNCTION public.gokart_audit();

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE OF email, name, active, password, totp_secret, recovery_codes, advertiser, scopes, admin ON tenant.advertiser_login FOR EACH ROW EXECUTE FUNCTION public.gokart_audit('password', 'totp_secret', 'recovery_codes');

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE OF advertiser, replaces, name, scopes, networks, rate, burst, concurrency, expires_at, revoked_at ON tenant.api_token FOR EACH ROW EXECUTE FUNCTION public.gokart_audit('digest');

CREATE TRIGGER audit AFTER UPDATE ON tenant.conversion FOR EACH ROW WHEN ((COALESCE(current_setting('gokart.actor'::text, true), ''::text) !~~ 'intake:%'::text)) EXECUTE FUNCTION public.gokart_audit();

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON tenant.logo FOR EACH ROW EXECUTE FUNCTION public.gokart_audit('content');

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON tenant.offer FOR EACH ROW EXECUTE FUNCTION public.gokart_audit();

CREATE TRIGGER audit AFTER INSERT ON tenant.one_time_link FOR EACH ROW EXECUTE FUNCTION public.gokart_audit('digest');

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON tenant.partner FOR EACH ROW EXECUTE FUNCTION public.gokart_audit();

CREATE TRIGGER audit AFTER UPDATE OF resolved_at ON tenant.rejected_record FOR EACH ROW WHEN ((COALESCE(current_setting('gokart.actor'::text, true), ''::text) !~~ 'intake:%'::text)) EXECUTE FUNCTION public.gokart_audit('payload', 'fixed');

CREATE TRIGGER audit AFTER DELETE ON tenant.session FOR EACH ROW WHEN (((current_setting('gokart.actor'::text, true) <> ''::text) AND (old.expires_at > now()))) EXECUTE FUNCTION public.gokart_audit('digest');

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON tenant.setting FOR EACH ROW EXECUTE FUNCTION public.gokart_audit();

CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE OF email, name, active, password, totp_secret, recovery_codes, role ON tenant.staff FOR EACH ROW EXECUTE FUNCTION public.gokart_audit('password', 'totp_secret', 'recovery_codes');

CREATE TRIGGER audit_end AFTER DELETE ON tenant.advertiser_view FOR EACH ROW WHEN ((old.until > now())) EXECUTE FUNCTION public.gokart_audit();

CREATE TRIGGER audit_start AFTER INSERT ON tenant.advertiser_view FOR EACH ROW EXECUTE FUNCTION public.gokart_audit();

CREATE TRIGGER changed AFTER DELETE OR UPDATE OF status, singular_enabled ON tenant.advertiser FOR EACH ROW EXECUTE FUNCTION public.gokart_schema_changed();

CREATE TRIGGER changed AFTER DELETE OR UPDATE OF advertiser, digest, scopes, networks, rate, burst, concurrency, expires_at, revoked_at ON tenant.api_token FOR EACH ROW EXECUTE FUNCTION public.gokart_schema_changed();

CREATE TRIGGER changed AFTER INSERT OR DELETE OR UPDATE ON tenant.logo FOR EACH ROW EXECUTE FUNCTION public.gokart_schema_changed();

CREATE TRIGGER changed AFTER UPDATE OF support_email, support_url, time_zone ON tenant.setting FOR EACH ROW EXECUTE FUNCTION public.gokart_schema_changed();

CREATE TRIGGER check_time_zone BEFORE UPDATE OF time_zone ON tenant.advertiser FOR EACH ROW WHEN (((new.time_zone)::text <> (old.time_zone)::text)) EXECUTE FUNCTION tenant.check_time_zone();

CREATE TRIGGER check_time_zone BEFORE UPDATE OF time_zone ON tenant.setting FOR EACH ROW WHEN (((new.time_zone)::text <> (old.time_zone)::text)) EXECUTE FUNCTION tenant.check_time_zone();

CREATE TRIGGER check_time_zone_of_new BEFORE INSERT ON tenant.advertiser FOR EACH ROW WHEN (((new.time_zone)::text IS DISTINCT FROM 'UTC'::text)) EXECUTE FUNCTION tenant.check_time_zone();

CREATE TRIGGER copy AFTER INSERT ON tenant.singular_pull FOR EACH ROW EXECUTE FUNCTION tenant.copy_singular_pull();

CREATE TRIGGER keep_an_owner_changed AFTER UPDATE OF role, active, password ON tenant.staff FOR EACH ROW WHEN ((((old.role)::text = 'owner'::text) AND old.active AND (old.password IS NOT NULL) AND (NOT (((new.role)::text = 'owner'::text) AND new.active AND (new.password IS NOT NULL))))) EXECUTE FUNCTION tenant.keep_an_owner();

CREATE TRIGGER keep_an_owner_deleted AFTER DELETE ON tenant.staff FOR EACH ROW WHEN ((((old.role)::text = 'owner'::text) AND old.active AND (old.password IS NOT NULL))) EXECUTE FUNCTION tenant.keep_an_owner();

CREATE TRIGGER keep_currency BEFORE UPDATE OF currency ON tenant.advertiser FOR EACH ROW WHEN (((new.currency)::text <> (old.currency)::text)) EXECUTE FUNCTION tenant.keep_currency();

CREATE TRIGGER keep_currency BEFORE UPDATE OF advertiser ON tenant.offer FOR EACH ROW WHEN ((new.advertiser <> old.advertiser)) EXECUTE FUNCTION tenant.keep_currency_of_offer();

CREATE TRIGGER keep_state BEFORE UPDATE ON tenant.conversion FOR EACH ROW WHEN ((current_setting('gokart.states'::text, true) IS DISTINCT FROM 'written'::text)) EXECUTE FUNCTION tenant.keep_state();

CREATE TRIGGER not_truncated BEFORE TRUNCATE ON tenant.audit_log FOR EACH STATEMENT EXECUTE FUNCTION public.gokart_audit_log_is_kept();

CREATE TRIGGER quarter_written AFTER INSERT OR UPDATE ON tenant.by_quarter FOR EACH ROW WHEN ((current_setting('gokart.hours'::text, true) IS DISTINCT FROM 'written'::text)) EXECUTE FUNCTION tenant.quarter_written();

CREATE TRIGGER raise_version BEFORE UPDATE OF advertiser, name, campaign_name, app_name, store_id, os ON tenant.offer FOR EACH ROW EXECUTE FUNCTION tenant.raise_version();

CREATE TRIGGER raise_version BEFORE UPDATE OF name ON tenant.partner FOR EACH ROW EXECUTE FUNCTION tenant.raise_version();

CREATE TRIGGER record_deactivation BEFORE UPDATE OF active ON tenant.advertiser_login FOR EACH ROW WHEN ((new.active <> old.active)) EXECUTE FUNCTION tenant.record_deactivation();

CREATE TRIGGER record_departure AFTER UPDATE ON tenant.conversion FOR EACH ROW WHEN ((old.offer <> new.offer)) EXECUTE FUNCTION tenant.record_departure();

CREATE TRIGGER record_move AFTER UPDATE OF advertiser ON tenant.offer FOR EACH ROW WHEN ((new.advertiser <> old.advertiser)) EXECUTE FUNCTION tenant.record_offer_move();

CREATE TRIGGER record_time_zone_change BEFORE UPDATE OF time_zone ON tenant.advertiser FOR EACH ROW WHEN (((new.time_zone)::text <> (old.time_zone)::text)) EXECUTE FUNCTION tenant.record_time_zone_change();

CREATE TRIGGER stamp BEFORE UPDATE ON tenant.changed_day FOR EACH ROW WHEN ((new.xid = old.xid)) EXECUTE FUNCTION tenant.stamp_transaction();

CREATE TRIGGER stamp BEFORE UPDATE ON tenant.changed_month FOR EACH ROW WHEN ((new.xid = old.xid)) EXECUTE FUNCTION tenant.stamp_transaction();

CREATE TRIGGER stamp_new BEFORE INSERT ON tenant.changed_day FOR EACH ROW WHEN ((new.xid = '0'::xid8)) EXECUTE FUNCTION tenant.stamp_transaction();

CREATE TRIGGER stamp_new BEFORE INSERT ON tenant.changed_month FOR EACH ROW WHEN ((new.xid = '0'::xid8)) EXECUTE FUNCTION tenant.stamp_transaction();

CREATE TRIGGER stamp_new BEFORE INSERT ON tenant.restatement FOR EACH ROW WHEN ((new.xid = '0'::xid8)) EXECUTE FUNCTION tenant.stamp_transaction();

CREATE TRIGGER unchangeable BEFORE DELETE OR UPDATE ON tenant.audit_log FOR EACH STATEMENT EXECUTE FUNCTION public.gokart_audit_log_is_kept();

ALTER TABLE ONLY tenant.advertiser_login
    ADD CONSTRAINT advertiser_login_advertiser_fkey FOREIGN KEY (advertiser) REFERENCES tenant.advertiser(id);

ALTER TABLE ONLY tenant.advertiser_view
    ADD CONSTRAINT advertiser_view_advertiser_fkey FOREIGN KEY (advertiser) REFERENCES tenant.advertiser(id) ON DELETE CASCADE;

ALTER TABLE ONLY tenant.advertiser_view
    ADD CONSTRAINT advertiser_view_session_fkey FOREIGN KEY (session) REFERENCES tenant.session(id) ON DELETE CASCADE;

ALTER TABLE ONLY tenant.api_token
    ADD CONSTRAINT api_token_advertiser_fkey FOREIGN KEY (advertiser) REFERENCES tenant.advertiser(id);

ALTER TABLE ONLY tenant.api_token
    ADD CONSTRAINT api_token_replaces_fkey FOREIGN KEY (replaces) REFERENCES tenant.api_token(id) ON DELETE SET NULL;

ALTER TABLE ONLY tenant.by_month
    ADD CONSTRAINT by_month_offer_fkey FOREIGN KEY (offer) REFERENCES tenant.offer(key);

ALTER TABLE ONLY tenant.by_month
    ADD CONSTRAINT by_month_partner_fkey FOREIGN KEY (partner) REFERENCES tenant.partner(key);

ALTER TABLE ONLY tenant.conversion
    ADD CONSTRAINT conversion_offer_fkey FOREIGN KEY (offer) REFERENCES tenant.offer(key);

ALTER TABLE ONLY tenant.conversion
    ADD CONSTRAINT conversion_partner_fkey FOREIGN KEY (partner) REFERENCES tenant.partner(key);

ALTER TABLE ONLY tenant.intake_reject
    ADD CONSTRAINT intake_reject_intake_fkey FOREIGN KEY (intake) REFERENCES tenant.intake(id) ON DELETE CASCADE;

ALTER TABLE ONLY tenant.notification_choice
    ADD CONSTRAINT notification_choice_login_fkey FOREIGN KEY (login) REFERENCES tenant.advertiser_login(id) ON DELETE CASCADE;

ALTER TABLE ONLY tenant.notification
    ADD CONSTRAINT notification_login_fkey FOREIGN KEY (login) REFERENCES tenant.advertiser_login(id) ON DELETE CASCADE;

ALTER TABLE ONLY tenant.offer
    ADD CONSTRAINT offer_advertiser_fkey FOREIGN KEY (advertiser) REFERENCES tenant.advertiser(id);

ALTER TABLE ONLY tenant.one_time_link
    ADD CONSTRAINT one_time_link_login_fkey FOREIGN KEY (login) REFERENCES tenant.advertiser_login(id) ON DELETE CASCADE;

ALTER TABLE ONLY tenant.one_time_link
    ADD CONSTRAINT one_time_link_staff_fkey FOREIGN KEY (staff) REFERENCES tenant.staff(id) ON DELETE CASCADE;

ALTER TABLE ONLY tenant.saved_view
    ADD CONSTRAINT saved_view_login_fkey FOREIGN KEY (login) REFERENCES tenant.advertiser_login(id) ON DELETE CASCADE;

ALTER TABLE ONLY tenant.saved_view
    ADD CONSTRAINT saved_view_staff_fkey FOREIGN KEY (staff) REFERENCES tenant.staff(id) ON DELETE CASCADE;

ALTER TABLE ONLY tenant.session
    ADD CONSTRAINT session_login_fkey FOREIGN KEY (login) REFERENCES tenant.advertiser_login(id) ON DELETE CASCADE;

ALTER TABLE ONLY tenant.session
    ADD CONSTRAINT session_staff_fkey FOREIGN KEY (staff) REFERENCES tenant.staff(id) ON DELETE CASCADE;

ALTER TABLE ONLY tenant.singular_pull
    ADD CONSTRAINT singular_pull_advertiser_fkey FOREIGN KEY (advertiser) REFERENCES tenant.advertiser(id);

ALTER TABLE ONLY tenant.singular_pull
    ADD CONSTRAINT singular_pull_token_fkey FOREIGN KEY (token) REFERENCES tenant.api_token(id) ON DELETE CASCADE;

ON CONFLICT (offer, bucket) DO UPDATE SET
    version = t.version + 1,
    changed_at = greatest(t.changed_at, excluded.changed_at)

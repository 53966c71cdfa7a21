-- Times are UTC milliseconds. Money is a decimal string. A tenant is named by the uid of its resource, so that a new tenant
-- with an old name sees nothing of its predecessor.
CREATE TABLE users (
    id VARCHAR PRIMARY KEY,
    name VARCHAR NOT NULL UNIQUE,
    password_hash VARCHAR NOT NULL,
    platform_role VARCHAR,
    epoch INTEGER NOT NULL,
    created_ms BIGINT NOT NULL
);
CREATE TABLE memberships (
    user_id VARCHAR NOT NULL,
    tenant_uid VARCHAR NOT NULL,
    tenant VARCHAR NOT NULL,
    role VARCHAR NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, tenant_uid)
);
CREATE TABLE sessions (
    id VARCHAR PRIMARY KEY,
    user_id VARCHAR NOT NULL,
    user_epoch INTEGER NOT NULL,
    refresh_hash VARCHAR NOT NULL,
    previous_hash VARCHAR,
    rotated_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    revoked_ms BIGINT
);
CREATE TABLE tokens (
    id VARCHAR PRIMARY KEY,
    user_id VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    secret_hash VARCHAR NOT NULL,
    scopes VARCHAR NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    last_used_ms BIGINT,
    revoked_ms BIGINT
);
CREATE TABLE idempotency (
    user_id VARCHAR NOT NULL,
    key VARCHAR NOT NULL,
    request_hash VARCHAR NOT NULL,
    status INTEGER NOT NULL,
    headers VARCHAR NOT NULL,
    body VARCHAR NOT NULL,
    stored_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, key)
);
CREATE TABLE audit (
    seq BIGINT PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    actor VARCHAR NOT NULL,
    actor_kind VARCHAR NOT NULL,
    tenant_uid VARCHAR,
    action VARCHAR NOT NULL,
    target VARCHAR NOT NULL,
    outcome VARCHAR NOT NULL,
    request_id VARCHAR NOT NULL,
    ip VARCHAR NOT NULL,
    diff VARCHAR NOT NULL,
    previous_hash VARCHAR NOT NULL,
    hash VARCHAR NOT NULL
);
CREATE TABLE observed (
    uid VARCHAR PRIMARY KEY,
    kind VARCHAR NOT NULL,
    namespace VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    tenant_uid VARCHAR,
    generation BIGINT NOT NULL
);
CREATE TABLE datasets (
    tenant_uid VARCHAR NOT NULL,
    digest VARCHAR NOT NULL,
    exchange VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    timeframe VARCHAR NOT NULL,
    candles BIGINT NOT NULL,
    from_ms BIGINT NOT NULL,
    to_ms BIGINT NOT NULL,
    gaps VARCHAR NOT NULL,
    imported_ms BIGINT NOT NULL,
    imported_by VARCHAR NOT NULL,
    PRIMARY KEY (tenant_uid, digest)
);
-- The kept latest of each bot: its epoch, the high-water mark of that epoch, and the folded state.
CREATE TABLE bot_ledgers (
    bot_uid VARCHAR PRIMARY KEY,
    tenant_uid VARCHAR NOT NULL,
    namespace VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    epoch INTEGER NOT NULL,
    seq BIGINT NOT NULL,
    state VARCHAR NOT NULL,
    started_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL
);
-- No key: bot_ledgers.seq, changed in the same transaction, lets each (bot, epoch, seq) in once.
CREATE TABLE ledger_events (
    bot_uid VARCHAR NOT NULL,
    epoch INTEGER NOT NULL,
    seq BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    type VARCHAR NOT NULL,
    data VARCHAR NOT NULL,
    received_ms BIGINT NOT NULL
);
CREATE TABLE equity_points (
    bot_uid VARCHAR NOT NULL,
    at_ms BIGINT NOT NULL,
    equity VARCHAR NOT NULL,
    cash VARCHAR NOT NULL
);
CREATE TABLE results (
    backtest_uid VARCHAR PRIMARY KEY,
    tenant_uid VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    report_digest VARCHAR NOT NULL,
    sha256 VARCHAR NOT NULL,
    report VARCHAR NOT NULL,
    stored_ms BIGINT NOT NULL
);

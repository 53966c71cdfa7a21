-- Exchange keys: `content` is sealed with a data key of its own version, `wrapped_key` is that data key under the key `kek_id`,
-- which is in no database. A revoked key has neither. `fingerprint` is the sha256 of the exchange's key id.
CREATE TABLE exchange_keys (
    id VARCHAR PRIMARY KEY,
    tenant_uid VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    exchange VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    fingerprint VARCHAR NOT NULL,
    hint VARCHAR NOT NULL,
    warnings VARCHAR NOT NULL,
    kek_id VARCHAR,
    wrapped_key VARCHAR,
    content VARCHAR,
    created_ms BIGINT NOT NULL,
    created_by VARCHAR NOT NULL,
    checked_ms BIGINT NOT NULL,
    revoked_ms BIGINT
);
-- `target` is the uid of a bot or tenant, the id of an exchange key, or `platform`; `tenant_uid` is null for the platform's.
CREATE TABLE kill_switches (
    scope VARCHAR NOT NULL,
    target VARCHAR NOT NULL,
    tenant_uid VARCHAR,
    name VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    by_platform BOOLEAN NOT NULL,
    set_by VARCHAR NOT NULL,
    set_ms BIGINT NOT NULL,
    PRIMARY KEY (scope, target)
);
-- The newest request of each bot; it is done once `done_number` has reached `number`.
CREATE TABLE close_requests (
    bot_uid VARCHAR PRIMARY KEY,
    number INTEGER NOT NULL,
    done_number INTEGER NOT NULL,
    asked_by VARCHAR NOT NULL,
    asked_ms BIGINT NOT NULL,
    done_ms BIGINT
);
-- Who trades with real money, with which key, until when.
CREATE TABLE live_leases (
    bot_uid VARCHAR PRIMARY KEY,
    tenant_uid VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    key_id VARCHAR NOT NULL,
    epoch INTEGER NOT NULL,
    until_ms BIGINT NOT NULL
);
CREATE TABLE live_claims (
    key_id VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    bot_uid VARCHAR NOT NULL,
    bot VARCHAR NOT NULL,
    until_ms BIGINT NOT NULL
);

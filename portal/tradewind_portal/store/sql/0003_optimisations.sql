-- Blocks of scored points, opaque to the portal. A row with an empty digest says that the shard has scored all of its points.
CREATE TABLE optimisation_blocks (
    backtest_uid VARCHAR NOT NULL,
    shard INTEGER NOT NULL,
    fingerprint VARCHAR NOT NULL,
    digest VARCHAR NOT NULL,
    block BLOB NOT NULL,
    bytes BIGINT NOT NULL,
    stored_ms BIGINT NOT NULL,
    PRIMARY KEY (backtest_uid, shard, fingerprint, digest)
);

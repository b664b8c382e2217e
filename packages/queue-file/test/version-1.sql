-- A queue as version 1 left it: of six entries one is done, one set aside, one paused, two leased (tokens 2 and 3), one waiting.
CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL,
    image_id TEXT NOT NULL,
    uri ANY NOT NULL,
    details TEXT,
    requested_at INTEGER NOT NULL,
    own_due INTEGER NOT NULL,
    due_base INTEGER NOT NULL,
    state INTEGER NOT NULL,
    lane TEXT NOT NULL DEFAULT '',
    visible_at INTEGER,
    token INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    error TEXT
  ) STRICT;
INSERT INTO entries VALUES(2,X'9ac3382c3de2f81246296089b6a27168','failed','file:///failed',NULL,1767225600000,0,1767225600000,3,'',NULL,NULL,0,'no');
INSERT INTO entries VALUES(3,X'7fd694063742eaae477298792b3c8043','paused','file:///paused',NULL,1767225600000,0,1767225600000,1,'',1767225660000,NULL,1,'later');
INSERT INTO entries VALUES(4,X'7fea9e489457c67cac3b21a254e822c6','first','file:///first',NULL,1767225600000,0,1767225600000,2,'',1767226202000,2,0,NULL);
INSERT INTO entries VALUES(5,X'fd10f14d0d65accd72f6c6f9f1de6f50','second','file:///second',NULL,1767225601000,0,1767225601000,2,'',1767226202000,3,0,NULL);
INSERT INTO entries VALUES(6,X'9bdf5b8809f81555b00d6b97f31a6f6e','waiting','file:///waiting',NULL,1767225603000,0,1767225603000,0,'',NULL,NULL,0,NULL);
CREATE TABLE digests (digest BLOB PRIMARY KEY, id INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO digests VALUES(X'7fd694063742eaae477298792b3c8043',3);
INSERT INTO digests VALUES(X'7fea9e489457c67cac3b21a254e822c6',4);
INSERT INTO digests VALUES(X'9ac3382c3de2f81246296089b6a27168',2);
INSERT INTO digests VALUES(X'9bdf5b8809f81555b00d6b97f31a6f6e',6);
INSERT INTO digests VALUES(X'fd10f14d0d65accd72f6c6f9f1de6f50',5);
CREATE TABLE removed (range TEXT, id INTEGER, digest BLOB NOT NULL, PRIMARY KEY (range, id)) STRICT, WITHOUT ROWID;
CREATE TABLE totals (
    version INTEGER NOT NULL,
    active INTEGER NOT NULL,
    set_aside INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    last_token INTEGER NOT NULL,
    removed INTEGER NOT NULL,
    next_range INTEGER NOT NULL
  ) STRICT;
INSERT INTO totals VALUES(1,4,1,6,3,0,0);
CREATE TABLE claims (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    problems TEXT NOT NULL,
    problem_count INTEGER NOT NULL,
    finished INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
CREATE TABLE notes (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE secret (value TEXT NOT NULL) STRICT;
INSERT INTO secret VALUES('scrubber-queue:CoeBgkB6D-L9g9NPgWeOIXNAdmcfB6w1GWb7G0hQ5Wo');
CREATE INDEX entries_by_due ON entries (state, lane, own_due, due_base) WHERE state <> 2;
CREATE INDEX entries_by_visible ON entries (state, lane, visible_at) WHERE visible_at IS NOT NULL;
PRAGMA application_id = 1935897186;
PRAGMA user_version = 1;

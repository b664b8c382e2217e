-- A queue as version 2 left it: of seven entries one is done, one set aside, one paused, two leased (tokens 4 and 7), one waiting, and one that was added since the counts were written.
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
CREATE TABLE digests (digest BLOB PRIMARY KEY, id INTEGER NOT NULL) STRICT, WITHOUT ROWID;
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
CREATE INDEX entries_by_due ON entries (state, lane, own_due, due_base) WHERE state <> 2;
CREATE INDEX entries_by_visible ON entries (state, lane, visible_at) WHERE visible_at IS NOT NULL;
CREATE TRIGGER entries_take_digest_along AFTER DELETE ON entries WHEN old.token & 1 IS NOT 1
    BEGIN DELETE FROM digests WHERE digest = old.digest; END;
INSERT INTO entries VALUES(2,X'213cadaa9cb49ca89a22e57a6773b7cb','failed','file:///failed',NULL,1767225600000,0,1767225600000,3,'',NULL,NULL,0,'no');
INSERT INTO entries VALUES(3,X'c90e386989e4988d62003b7301b48239','paused','file:///paused',NULL,1767225600000,0,1767225600000,1,'',1767225661000,NULL,1,'later');
INSERT INTO entries VALUES(4,X'4d9b58a8232ae02133e2f508ef2ee9dc','first','file:///first',NULL,1767225600000,0,1767225600000,2,'fast',1767226201000,4,0,NULL);
INSERT INTO entries VALUES(5,X'086fd33462dae75cecf6f9d97d10acbc','second','file:///second',NULL,1767225601000,1,1767225601000,2,'',1767226201000,7,0,NULL);
INSERT INTO entries VALUES(6,X'62aa78e59160956c05c2e925b01e141d','waiting','file:///waiting',NULL,1767225601000,1,1767229201000,0,'',NULL,NULL,0,NULL);
INSERT INTO entries VALUES(7,X'ca235a3228000726c6fda2a025cb842f','added since','file:///added since',NULL,1767225601000,0,1767225601000,0,'',NULL,NULL,0,NULL);
INSERT INTO digests VALUES(X'086fd33462dae75cecf6f9d97d10acbc',5);
INSERT INTO digests VALUES(X'213cadaa9cb49ca89a22e57a6773b7cb',2);
INSERT INTO digests VALUES(X'4d9b58a8232ae02133e2f508ef2ee9dc',4);
INSERT INTO digests VALUES(X'62aa78e59160956c05c2e925b01e141d',6);
INSERT INTO digests VALUES(X'c90e386989e4988d62003b7301b48239',3);
INSERT INTO digests VALUES(X'ca235a3228000726c6fda2a025cb842f',7);
INSERT INTO totals VALUES(2,3,1,5,7,0,0);
INSERT INTO secret VALUES('scrubber-queue:gZT2jnz44XiVb3mnqz9mBNOFPp9Qpu_j_FHOzfBL5mc');
PRAGMA application_id = 1935897186;
PRAGMA user_version = 2;

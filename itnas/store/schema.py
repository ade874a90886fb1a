"""The tables of run.db."""

from __future__ import annotations

SCHEMA = 1
APPLICATION = 0x69746E61  # "itna": what tells our database from any other

ENDED = ("complete", "pruned", "failed")  # states of trials that ran and are over

# A trial's row is written when it is proposed, before it takes a device, and again when it has ended. `repeat` counts
# how often its genome had been tried on the task before. `phase` is search or confirm: the top genomes are trained
# again on fresh seeds.
TABLES = """
CREATE TABLE sweep (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE genomes (hash TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE trials (
  number INTEGER PRIMARY KEY,
  task TEXT NOT NULL,
  genome TEXT NOT NULL REFERENCES genomes (hash),
  name TEXT,
  origin TEXT NOT NULL,
  state TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  rung INTEGER NOT NULL,
  score REAL, score_low REAL, score_high REAL,
  cost REAL, parameters INTEGER, flops REAL, learning_rate REAL,
  worker TEXT, started REAL, finished REAL, seconds REAL,
  reason TEXT,
  repeat INTEGER NOT NULL
);
CREATE INDEX trials_by_task ON trials (task, state);
CREATE TABLE confirmations (
  trial INTEGER PRIMARY KEY REFERENCES trials (number),
  task TEXT NOT NULL,
  state TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  score REAL, score_low REAL, score_high REAL,
  test_score REAL, test_low REAL, test_high REAL,
  replicas INTEGER, learning_rate REAL,
  worker TEXT, started REAL, finished REAL, seconds REAL,
  reason TEXT
);
CREATE TABLE events (
  id INTEGER PRIMARY KEY, time REAL NOT NULL, kind TEXT NOT NULL, task TEXT, trial INTEGER, data TEXT NOT NULL
);
CREATE TABLE history (
  trial INTEGER NOT NULL, phase TEXT NOT NULL, rung INTEGER NOT NULL, replica INTEGER NOT NULL,
  step INTEGER NOT NULL, seconds REAL NOT NULL, loss REAL, score REAL,
  PRIMARY KEY (trial, phase, rung, replica)
) WITHOUT ROWID;
CREATE TABLE replicas (
  trial INTEGER NOT NULL, phase TEXT NOT NULL, replica INTEGER NOT NULL,
  seed INTEGER NOT NULL, learning_rate REAL NOT NULL, score REAL, loss REAL, died INTEGER,
  PRIMARY KEY (trial, phase, replica)
) WITHOUT ROWID;
CREATE TABLE layers (
  trial INTEGER NOT NULL, phase TEXT NOT NULL, replica INTEGER NOT NULL, layer INTEGER NOT NULL, head INTEGER NOT NULL,
  family TEXT NOT NULL, data TEXT NOT NULL,
  PRIMARY KEY (trial, phase, replica, layer, head)
) WITHOUT ROWID;
CREATE TABLE logs (
  trial INTEGER NOT NULL, phase TEXT NOT NULL, attempt INTEGER NOT NULL, text TEXT NOT NULL,
  PRIMARY KEY (trial, phase, attempt)
) WITHOUT ROWID;
CREATE TABLE kept (
  trial INTEGER NOT NULL, phase TEXT NOT NULL, what TEXT NOT NULL, path TEXT NOT NULL, bytes INTEGER NOT NULL,
  PRIMARY KEY (trial, phase, what)
) WITHOUT ROWID;
"""

#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The guest's half of test_software_database.py: a SQLite database with numbered rows, each its own transaction.

    sqlite_load.py create FILE delete|wal   makes it, with that journal
    sqlite_load.py write FILE               prints "delete N" or "wal N" as row N is committed, until the power goes
    sqlite_load.py check FILE               checks all of it; prints how many rows there are, and fails if there is a gap
"""
import random
import sqlite3
import sys


def body(number):
    """What row number has in it; some of them need pages of their own."""
    return random.Random(number).randbytes(random.Random(number).randrange(20, 9000))


def connect(path):
    connection = sqlite3.connect(path, isolation_level=None)
    # The folder is synced too when a journal goes.
    connection.execute('PRAGMA synchronous=EXTRA')
    return connection


def create(path, mode):
    connection = connect(path)
    connection.execute(f'PRAGMA journal_mode={mode}')
    connection.execute('CREATE TABLE said (n INTEGER PRIMARY KEY, body BLOB)')
    connection.execute('CREATE INDEX by_body ON said (body)')


def rows(connection):
    return connection.execute('SELECT count(*) FROM said').fetchone()[0]


def write(path):
    connection = connect(path)
    mode = connection.execute('PRAGMA journal_mode').fetchone()[0]
    number = rows(connection)
    while True:
        connection.execute('INSERT INTO said VALUES (?, ?)', (number, body(number)))
        print(mode, number, flush=True)
        number += 1


def check(path):
    connection = connect(path)
    found = connection.execute('PRAGMA integrity_check').fetchall()
    if found != [('ok',)]:
        sys.exit(f'integrity_check: {found[:5]}')
    count = rows(connection)
    for number, data in connection.execute('SELECT n, body FROM said ORDER BY n'):
        if number >= count or data != body(number):
            sys.exit(f'row {number} of {count} is not what was written')
    print(count)


if __name__ == '__main__':
    {'create': create, 'write': write, 'check': check}[sys.argv[1]](*sys.argv[2:])

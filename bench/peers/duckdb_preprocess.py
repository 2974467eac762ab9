#!/usr/bin/env python3
"""The steps of neumf-preprocess, but for the negatives, with DuckDB: duckdb_preprocess.py RATINGS.csv OUTPUT_DIRECTORY

Columns userId, movieId, rating, timestamp (integers). Prints one line of JSON.
"""
import json
import os
import time

import duckdb

import table_arguments


def main():
    options = table_arguments.parser(__doc__).parse_args()
    os.makedirs(options.output, exist_ok=True)

    begin = time.perf_counter()
    db = duckdb.connect()
    # The table's rows keep the order of the file. A key orders rows by time and, where that is equal, by row.
    db.execute(f"""create table ratings as select userId, movieId, timestamp as time
        from read_csv('{options.input}', header = true, auto_detect = false, delim = ',', quote = '', escape = '',
                      columns = {{'userId': 'INTEGER', 'movieId': 'INTEGER', 'rating': 'VARCHAR', 'timestamp': 'BIGINT'}})""")
    read = time.perf_counter()

    db.execute(f"""create table users as select userId, (row_number() over (order by min(rowid)) - 1)::integer as u
        from ratings group by userId having count(*) >= {options.min_ratings}""")
    db.execute("""create table items as select movieId, (row_number() over (order by min(r.rowid)) - 1)::integer as i
        from ratings r semi join users using (userId) group by movieId""")
    # Of repeated pairs the earliest stays.
    db.execute("""create table pairs as select u, i, min(time * 33554432 + r.rowid) as key
        from ratings r join users using (userId) join items using (movieId) group by u, i""")
    db.execute("create table test as select u, max(key) as key, arg_max(i, key) as i from pairs group by u")
    split = time.perf_counter()

    def write(name, query):
        db.execute(f"copy ({query}) to '{options.output}/{name}.parquet' (compression uncompressed)")

    write("train", "select p.i from pairs p join test t using (u) where p.key < t.key order by u, p.i")
    write("counts", "select u, count(*) - 1 as n from pairs group by u order by u")
    write("test", "select u, i from test order by u")
    write("users", "select userId from users order by u")
    write("items", "select movieId from items order by i")
    positives = db.execute("select (select count(*) from pairs) - (select count(*) from test)").fetchone()[0]
    end = time.perf_counter()
    count = {name: db.execute(f"select count(*) from {name}").fetchone()[0] for name in ("users", "items")}
    print(json.dumps({"program": f"duckdb {duckdb.__version__}", **count, "positives": positives,
                      "seconds": end - begin,
                      "steps": {"read": read - begin, "split": split - read, "write": end - split}}))


if __name__ == "__main__":
    main()

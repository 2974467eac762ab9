#!/usr/bin/env python3
"""The steps of neumf-preprocess, but for the negatives, with Polars: polars_preprocess.py RATINGS.csv OUTPUT_DIRECTORY

Columns userId, movieId, rating, timestamp (integers). Prints one line of JSON.
"""
import json
import os
import time

import polars as pl

import table_arguments


def main():
    parser = table_arguments.parser(__doc__)
    parser.add_argument("--engine", default="streaming", choices=("streaming", "in-memory"), help="of Polars")
    options = parser.parse_args()

    begin = time.perf_counter()
    schema = {"userId": pl.Int32, "movieId": pl.Int32, "rating": pl.String,
              "timestamp": pl.Int64}
    scan = pl.scan_csv(options.input, schema=schema, row_index_name="row").drop("rating")
    ratings = scan.collect(engine=options.engine)
    read = time.perf_counter()

    # Ids by first appearance, of users with enough rows.
    users = (ratings.lazy().group_by("userId").agg(pl.len().alias("rows"), pl.col("row").min())
             .filter(pl.col("rows") >= options.min_ratings).sort("row").with_row_index("user")
             .select("userId", "user").collect(engine=options.engine))
    ratings = ratings.lazy().join(users.lazy(), on="userId").collect(engine=options.engine)
    items = (ratings.lazy().group_by("movieId").agg(pl.col("row").min()).sort("row").with_row_index("item")
             .select("movieId", "item").collect(engine=options.engine))
    # By time, in the file's order where that is equal; of repeated pairs the earliest stays, and the last row of a
    # user is held out.
    ratings = (ratings.lazy().join(items.lazy(), on="movieId").select("user", "item", "timestamp", "row")
               .sort("user", "timestamp", "row").select("user", "item")
               .filter((pl.col("user").cast(pl.UInt64) * items.height + pl.col("item")).is_first_distinct())
               .with_columns(last=(pl.col("user") != pl.col("user").shift(-1)).fill_null(True))
               .collect(engine=options.engine))
    test = ratings.filter("last").select("user", "item")
    train = ratings.filter(~pl.col("last")).select("user", "item").sort("user", "item")
    counts = train.lazy().group_by("user").len().sort("user").collect()
    split = time.perf_counter()

    os.makedirs(options.output, exist_ok=True)
    for name, table in (("train", train.select("item")), ("counts", counts), ("test", test), ("users", users),
                        ("items", items)):
        table.write_ipc(f"{options.output}/{name}.arrow", compression="uncompressed")
    end = time.perf_counter()
    print(json.dumps({"program": f"polars {pl.__version__}", "users": users.height, "items": items.height,
                      "positives": train.height, "seconds": end - begin,
                      "steps": {"read": read - begin, "split": split - read, "write": end - split}}))


if __name__ == "__main__":
    main()

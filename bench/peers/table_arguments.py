"""Arguments of the scripts that take the steps of neumf-preprocess with a table engine."""
import argparse


def parser(description):
    """RATINGS.csv and OUTPUT_DIRECTORY, and how many ratings keep a user."""
    result = argparse.ArgumentParser(description=description.splitlines()[0])
    result.add_argument("input")
    result.add_argument("output")
    result.add_argument("--min_ratings", type=int, default=20)
    return result

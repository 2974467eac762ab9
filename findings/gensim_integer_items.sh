#!/usr/bin/env bash
# gensim's Word2Vec answers for an integer item that it has never seen: with another item's vector.
#
# Versions: gensim 4.4.0.
# Expected: the vector of an item that is in no session raises KeyError, and "item in model.wv" is False. That is so where
#   items are strings.
# Seen: sessions of the items 0, 10, 20 ... 190. model.wv[10] is item 10's vector; model.wv[3] is the vector of the item that
#   happens to be third from the top by frequency, 3 in model.wv is True, and most_similar(3) gives neighbours. An integer
#   that is no item is taken as a position.
# Why it matters: with integer ids (item2vec on any ratings data set) items that fell below min_count or are new get vectors
#   and recommendations of arbitrary popular items, as long as their id is below the size of the vocabulary. Train on
#   str(id).
source "$(dirname "$0")/common.sh"
fresh gensim==4.4.0

OPENBLAS_NUM_THREADS=1 "$python" - <<'PYTHON' || changed "an unknown integer is no longer taken as a position"
import sys
import numpy
from gensim.models import Word2Vec

def train(convert):
    sessions = [[convert(10 * ((start + step * step) % 20)) for step in range(8)] for start in range(20)] * 10
    return Word2Vec(sessions, vector_size=4, min_count=1, workers=1, seed=1, epochs=1).wv

numbers, strings = train(int), train(str)
print("items", sorted(numbers.key_to_index))
print("3 in wv:", 3 in numbers, " position 3 is item", numbers.index_to_key[3])
same = 3 not in numbers.key_to_index and numpy.array_equal(numbers[3], numbers[numbers.index_to_key[3]])
print("wv[3] is the vector of that item:", same, " most_similar(3):", numbers.most_similar(3, topn=2))
try:
    refused = not strings["3"].size
except KeyError:
    refused = True
print("items as strings: '3' in wv:", "3" in strings, " refused:", refused)
sys.exit(not (3 in numbers and same and refused and "3" not in strings))
PYTHON
echo "unchanged: an unknown integer item gets a known item's vector"

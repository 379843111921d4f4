"""Documents through the libraries of OpenSearch and Elasticsearch."""

import sys

import elasticsearch
import elasticsearch.helpers
import opensearchpy
import opensearchpy.helpers

url = sys.argv[1]


def documents(name):
    for number in range(100):
        yield {
            "_index": "logs",
            "_op_type": "create",
            "host": {"name": name},
            "log": {"file": {"path": "/var/log/x.log"}},
            "message": f"line {number}",
        }
    yield {"_index": "logs", "_op_type": "delete", "_id": "7"}


for name, library, client in [
    ("opensearch", opensearchpy, opensearchpy.OpenSearch(url, http_auth=("any", "s3cret"), http_compress=True)),
    ("elasticsearch", elasticsearch, elasticsearch.Elasticsearch(url, basic_auth=("any", "s3cret"), http_compress=True)),
]:
    assert client.info()["version"]["number"]
    stored, errors = library.helpers.bulk(client, documents(name), raise_on_error=False)
    assert stored == 100, stored
    assert [error["delete"]["status"] for error in errors] == [400], errors

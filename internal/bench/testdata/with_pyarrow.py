"""The script that people write: requests, a list of rows, pyarrow."""
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import requests

url, start, end, folder = sys.argv[1:5]
session = requests.Session()
session.headers["x-api-key"] = "made-up"
params = {"start_time": start, "end_time": end, "client_env": "live", "limit": 500, "include_latency": "true"}
conversations, turns = [], []
while True:
    response = session.get(url, params=params, timeout=60)
    response.raise_for_status()
    page = response.json()
    for c in page["conversations"]:
        for i, turn in enumerate(c.pop("turns")):
            turn["entities"] = str(turn.get("entities"))
            turns.append({"conversation_id": c["id"], "turn_index": i, "started_date": c["started_at"][:10], **turn})
        c["metrics"], c["state"] = str(c["metrics"]), str(c["state"])
        c["started_date"] = c["started_at"][:10]
        conversations.append(c)
    if not page.get("cursor"):
        break
    params["cursor"] = page["cursor"]
for name, rows in (("conversations", conversations), ("turns", turns)):
    pq.write_to_dataset(pa.Table.from_pylist(rows), f"{folder}/{name}", partition_cols=["started_date"], compression="zstd")

"""The same with dlt, as its documentation shows it."""
import sys

import dlt
from dlt.sources.helpers import requests

url, start, end, folder = sys.argv[1:5]


@dlt.resource(name="conversations", primary_key="id", write_disposition="append")
def conversations():
    params = {"start_time": start, "end_time": end, "client_env": "live", "limit": 500, "include_latency": "true"}
    while True:
        page = requests.get(url, params=params, headers={"x-api-key": "made-up"}).json()
        yield page["conversations"]
        if not page.get("cursor"):
            return
        params["cursor"] = page["cursor"]


pipeline = dlt.pipeline(
    pipeline_name="bench",
    destination=dlt.destinations.filesystem(bucket_url=f"file://{folder}"),
    dataset_name="lake",
    pipelines_dir=f"{folder}-work",
)
pipeline.run(conversations(), loader_file_format="parquet")

"""The BigQuery stand-in (tests/fakebq)."""
import json
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

from . import ROOT, wait_until

PROJECT = "tests"


class FakeBigQuery:
    def __init__(self, folder):
        folder = Path(folder)
        port_file = folder / "fakebq.port"
        self.log = open(folder / "fakebq.log", "ab")
        self.proc = subprocess.Popen([sys.executable, str(ROOT / "tests/fakebq/fakebq.py"), "--port", "0", "--port-file", str(port_file),
                                      "--project", PROJECT],
                                     stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        port = wait_until(lambda: port_file.exists() and port_file.read_text().strip(), "fakebq's port file", 10)
        self.url = f"http://127.0.0.1:{int(port)}"

    def request(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}), timeout=10) as r:
            return json.loads(r.read() or b"null")

    def new_dataset(self, name):
        """Makes it, and returns a connector's settings for it."""
        self.request(f"/bigquery/v2/projects/{PROJECT}/datasets", {"datasetReference": {"projectId": PROJECT, "datasetId": name}})
        return {"walbridge.bigquery.endpoint": self.url, "walbridge.bigquery.project": PROJECT, "walbridge.bigquery.dataset": name}

    def tables(self, dataset):
        found = self.request(f"/bigquery/v2/projects/{PROJECT}/datasets/{dataset}/tables").get("tables", [])
        return [t["tableReference"]["tableId"] for t in found]

    def rows(self, table):
        """Rows of a table (or dataset.table) as they were sent, in the order in which they were taken."""
        with urllib.request.urlopen(f"{self.url}/__rows?table={urllib.parse.quote(table)}", timeout=10) as r:
            return [json.loads(line) for line in r]

    def wait_rows(self, table, n, seconds=30):
        wait_until(lambda: len(self.rows(table)) >= n, lambda: f"{n} rows in {table}, {len(self.rows(table))} came", seconds)
        return self.rows(table)

    def stop(self):
        self.proc.terminate()
        self.proc.wait(10)
        self.log.close()

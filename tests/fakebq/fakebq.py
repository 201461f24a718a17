#!/usr/bin/env python3
"""A strict stand-in for BigQuery's REST API: datasets, tables, tabledata.insertAll, OAuth tokens, the metadata server.

It enforces what the service enforces and emulators let pass: REQUIRED, types and ranges, unknown fields, request and row
limits, etags, "one bad row stops them all", insert ids that deduplicate for a while only. Standard library only.

    fakebq.py --port 0 --port-file PORT --project demo --dataset inventory
    curl localhost:PORT/__rows?table=public_inventory

Control, all under /__ and without authorization:
    GET  /__rows?table=T[&ids=1]   accepted rows of a table (T or dataset.T), JSON lines; ids=1: {"insertId","json"}
    GET  /__requests               every API request: method, path, status, rows
    POST /__fault                  {"match","method","times","skip","status","reason","message","retry_after","delay_ms",
                                    "drop":"before"|"after","row_errors":[{"index","reason","location","message"}]}
                                   or a list of them; each applies to the next `times` requests whose path contains `match`
    POST /__expire?table=T         the table is gone, as when its expiration passed
    POST /__revoke                 all access tokens are refused from now on
    POST /__reset                  rows, requests and faults are forgotten; tables stay
"""
import argparse
import base64
import binascii
import datetime
import gzip
import hashlib
import json
import math
import os
import re
import subprocess
import sys
import threading
import time
import urllib.parse
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REQUEST_MAX = 10 * 1024 * 1024
ROW_MAX = 10 * 1024 * 1024
ROWS_MAX = 50_000
INSERT_ID_MAX = 128
COLUMNS_MAX = 10_000
SCOPES = {"https://www.googleapis.com/auth/bigquery", "https://www.googleapis.com/auth/cloud-platform",
          "https://www.googleapis.com/auth/bigquery.insertdata"}
RESERVED = ("_table_", "_file_", "_partition", "_row_timestamp", "__root__", "_colidentifier", "_change_")


class ApiError(Exception):
    def __init__(self, status, reason, message, location=None):
        super().__init__(message)
        self.status, self.reason, self.message, self.location = status, reason, message, location

    def document(self):
        first = {"message": self.message, "domain": "global", "reason": self.reason}
        if self.location:
            first["location"] = self.location
        names = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
                 409: "ALREADY_EXISTS", 412: "FAILED_PRECONDITION", 413: "INVALID_ARGUMENT", 500: "INTERNAL",
                 503: "UNAVAILABLE"}
        return {"error": {"code": self.status, "message": self.message, "errors": [first],
                          "status": names.get(self.status, "UNKNOWN")}}


# ---- values ------------------------------------------------------------------------------------------------------------

class BadValue(Exception):
    pass


def need(ok, what):
    if not ok:
        raise BadValue(what)


def is_number(v):
    return isinstance(v, (int, float)) and not isinstance(v, bool)


def check_string(v):
    need(isinstance(v, str), "Cannot convert value to string")
    try:
        v.encode("utf-8")
    except UnicodeEncodeError:
        raise BadValue("String is not valid UTF-8")


def check_int(v):
    if isinstance(v, str):
        need(re.fullmatch(r"-?[0-9]{1,19}", v), f"Cannot convert value to integer (bad value): {v}")
        need(-2**63 <= int(v) < 2**63, "integer is out of range")
    else:
        need(isinstance(v, int) and not isinstance(v, bool), "Cannot convert value to integer (bad value)")
        need(abs(v) <= 2**53, "an integer above 2^53 loses digits as a JSON number: send it as a string")


def check_float(v):
    if isinstance(v, str):
        need(v in ("NaN", "Infinity", "-Infinity") or re.fullmatch(r"-?[0-9.]+([eE][-+]?[0-9]+)?", v), "Bad double value")
    else:
        need(is_number(v) and math.isfinite(v), "Cannot convert value to double (bad value)")


def check_decimal(v, whole, fraction):
    need(isinstance(v, str) or (isinstance(v, int) and not isinstance(v, bool)), "Cannot convert value to numeric")
    m = re.fullmatch(r"-?0*([0-9]*)(?:\.([0-9]*?)0*)?", str(v))
    need(m and any(c.isdigit() for c in str(v)), f"Invalid NUMERIC value: {v}")
    need(len(m.group(1)) <= whole and len(m.group(2) or "") <= fraction, f"Invalid NUMERIC value: {v}")
    return m


def check_numeric(v):
    check_decimal(v, 29, 9)


def check_bignumeric(v):
    m = check_decimal(v, 39, 38)
    need(len(m.group(1)) < 39 or m.group(1) < "578960446186580977117854925043439539266", f"Invalid BIGNUMERIC value: {v}")


def check_bool(v):
    need(isinstance(v, bool) or v in ("true", "false"), "Cannot convert value to boolean")


def check_bytes(v):
    need(isinstance(v, str), "Cannot convert value to bytes")
    try:
        base64.b64decode(v, validate=True)
    except (binascii.Error, ValueError):
        raise BadValue("Could not decode base64 string to bytes")


DATE = r"(\d{4})-(\d{2})-(\d{2})"
TIME = r"(\d{2}):(\d{2}):(\d{2})(?:\.\d{1,6})?"


def check_day(y, m, d):
    try:
        datetime.date(int(y), int(m), int(d))
    except ValueError:
        raise BadValue(f"Invalid date: '{y}-{m}-{d}'")


def check_clock(h, m, s):
    need(int(h) < 24 and int(m) < 60 and int(s) < 60, f"Invalid time: '{h}:{m}:{s}'")


def check_date(v):
    m = isinstance(v, str) and re.fullmatch(DATE, v)
    need(m, f"Invalid date: '{v}'")
    check_day(*m.groups())


def check_time(v):
    m = isinstance(v, str) and re.fullmatch(TIME, v)
    need(m, f"Invalid time: '{v}'")
    check_clock(*m.groups())


def check_datetime(v):
    m = isinstance(v, str) and re.fullmatch(DATE + "[T ]" + TIME, v)
    need(m, f"Invalid datetime string \"{v}\"")
    check_day(*m.groups()[:3])
    check_clock(*m.groups()[3:])


def check_timestamp(v):
    if is_number(v):
        return
    m = isinstance(v, str) and re.fullmatch(DATE + "[T ]" + TIME + r" ?(?:Z|UTC|[-+]\d{2}:\d{2})", v)
    need(m, f"Invalid timestamp string \"{v}\"")
    check_day(*m.groups()[:3])
    check_clock(*m.groups()[3:])


def check_json(v):
    need(isinstance(v, str), "a JSON column takes a string that holds JSON text")
    try:
        json.loads(v, parse_constant=lambda c: (_ for _ in ()).throw(ValueError(c)))
    except ValueError:
        raise BadValue("Invalid JSON")


CHECKS = {"STRING": check_string, "INT64": check_int, "FLOAT64": check_float, "NUMERIC": check_numeric,
          "BIGNUMERIC": check_bignumeric, "BOOL": check_bool, "BYTES": check_bytes, "DATE": check_date, "TIME": check_time,
          "DATETIME": check_datetime, "TIMESTAMP": check_timestamp, "JSON": check_json}
LEGACY = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "DECIMAL": "NUMERIC", "BIGDECIMAL": "BIGNUMERIC"}
API_NAMES = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN"}


def row_error(reason, location, message):
    return {"reason": reason, "location": location, "debugInfo": "", "message": message}


def check_row(row, fields, ignore_unknown):
    """The first fault of a row, or None."""
    by_name = {f["name"].lower(): f for f in fields}
    seen = set()
    for name, value in row.items():
        field = by_name.get(name.lower())
        if not field:
            if ignore_unknown:
                continue
            return row_error("invalid", name, f"no such field: {name}.")
        if name.lower() in seen:
            return row_error("invalid", name, f"Field {name} appears twice.")
        seen.add(name.lower())
        mode = field.get("mode", "NULLABLE")
        check = CHECKS[LEGACY.get(field["type"], field["type"])]
        if value is None:
            if mode == "REQUIRED":
                return row_error("invalid", name, f"Missing required field: {name}.")
            continue
        try:
            if mode == "REPEATED":
                need(isinstance(value, list), f"Array specified for non-repeated field or value is no array: {name}.")
                need(all(v is not None for v in value), f"Only optional fields can be set to NULL. Field: {name}; Value: NULL")
                for v in value:
                    check(v)
            else:
                need(not isinstance(value, list), f"Array specified for non-repeated field: {name}.")
                check(value)
        except BadValue as bad:
            return row_error("invalid", name, str(bad))
    for field in fields:
        if field.get("mode") == "REQUIRED" and field["name"].lower() not in seen:
            return row_error("invalid", field["name"], f"Missing required field: {field['name']}.")
    return None


# ---- tables ------------------------------------------------------------------------------------------------------------

def check_fields(fields):
    if not isinstance(fields, list) or len(fields) > COLUMNS_MAX:
        raise ApiError(400, "invalid", "Invalid schema fields")
    seen, out = set(), []
    for f in fields:
        name, kind = f.get("name", ""), str(f.get("type", "")).upper()
        kind = LEGACY.get(kind, kind)
        mode = str(f.get("mode", "NULLABLE")).upper()
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,299}", name) or name.lower().startswith(RESERVED):
            raise ApiError(400, "invalid", f"Invalid field name \"{name}\".")
        if name.lower() in seen:
            raise ApiError(400, "invalid", f"Duplicate field name \"{name}\".")
        if kind not in CHECKS:
            raise ApiError(400, "invalid", f"Field {name} has an invalid type \"{f.get('type')}\"")
        if mode not in ("NULLABLE", "REQUIRED", "REPEATED"):
            raise ApiError(400, "invalid", f"Field {name} has an invalid mode \"{f.get('mode')}\"")
        unknown = set(f) - {"name", "type", "mode", "description", "fields", "maxLength", "precision", "scale",
                            "defaultValueExpression", "policyTags", "collation"}
        if unknown:
            raise ApiError(400, "invalid", f"Unknown name \"{sorted(unknown)[0]}\" at 'table.schema.fields'")
        seen.add(name.lower())
        out.append(dict(f, type=API_NAMES.get(kind, kind), mode=mode))
    return out


class Table:
    def __init__(self, project, dataset, table, body, propagation):
        self.meta = {k: v for k, v in body.items() if k in ("timePartitioning", "clustering", "description",
                                                            "requirePartitionFilter", "labels", "expirationTime")}
        self.reference = {"projectId": project, "datasetId": dataset, "tableId": table}
        self.fields = check_fields(body.get("schema", {}).get("fields", []))
        self.rows, self.ids = [], {}
        self.created = time.time()
        self.visible_at = time.time() + propagation
        self.fields_visible_at = {}
        self.check_partition()

    def check_partition(self):
        part = self.meta.get("timePartitioning")
        if part:
            if part.get("type") not in ("DAY", "HOUR", "MONTH", "YEAR"):
                raise ApiError(400, "invalid", "Invalid timePartitioning.type")
            name = part.get("field")
            if name and not any(f["name"].lower() == name.lower() and f["type"] in ("DATE", "TIMESTAMP", "DATETIME")
                                for f in self.fields):
                raise ApiError(400, "invalid", f"The field specified for partitioning cannot be found: {name}")
        for name in self.meta.get("clustering", {}).get("fields", []):
            if not any(f["name"].lower() == name.lower() for f in self.fields):
                raise ApiError(400, "invalid", f"The field specified for clustering cannot be found: {name}")

    def etag(self):
        return hashlib.md5(json.dumps([self.fields, self.meta, self.created]).encode()).hexdigest()

    def document(self):
        ref = self.reference
        return dict(self.meta, kind="bigquery#table", etag=self.etag(), tableReference=ref, type="TABLE",
                    id=f"{ref['projectId']}:{ref['datasetId']}.{ref['tableId']}", schema={"fields": self.fields},
                    numRows=str(len(self.rows)), creationTime=str(int(self.created * 1000)))

    def patch(self, body, if_match, propagation):
        if if_match and if_match.strip('"') != self.etag():
            raise ApiError(412, "conditionNotMet", "Precondition Failed")
        if "schema" in body:
            new = check_fields(body["schema"].get("fields", []))
            by_name = {f["name"].lower(): f for f in new}
            for old in self.fields:
                f = by_name.get(old["name"].lower())
                where = f"Provided Schema does not match Table {self.document()['id']}."
                if not f:
                    raise ApiError(400, "invalid", f"{where} Field {old['name']} is missing in new schema")
                if f["type"] != old["type"]:
                    raise ApiError(400, "invalid", f"{where} Field {old['name']} has changed type")
                if f["mode"] != old["mode"] and (old["mode"], f["mode"]) != ("REQUIRED", "NULLABLE"):
                    raise ApiError(400, "invalid", f"{where} Field {old['name']} has changed mode")
            if [f["name"].lower() for f in new][:len(self.fields)] != [f["name"].lower() for f in self.fields]:
                raise ApiError(400, "invalid", "old fields must come first, in their order")
            for f in new[len(self.fields):]:
                if f["mode"] == "REQUIRED":
                    raise ApiError(400, "invalid", f"Cannot add required fields to an existing schema. (field: {f['name']})")
                self.fields_visible_at[f["name"].lower()] = time.time() + propagation
            self.fields = new
        for k in ("description", "labels", "expirationTime"):
            if k in body:
                self.meta[k] = body[k]

    def streaming_fields(self):
        now = time.time()
        return [f for f in self.fields if self.fields_visible_at.get(f["name"].lower(), 0) <= now]


class State:
    def __init__(self, args):
        self.args = args
        self.lock = threading.Lock()
        self.datasets = {}
        self.tables = {}
        self.faults, self.requests = [], []
        self.tokens, self.token_count = {}, 0
        self.service_account = None
        for text in args.dataset:
            name, _, expiration = text.partition(":")
            self.datasets[name] = {"defaultTableExpirationMs": expiration} if expiration else {}

    # -- rows

    def insert_all(self, table, body, size):
        if size > REQUEST_MAX:
            raise ApiError(400, "badRequest", f"Request payload size exceeds the limit: {REQUEST_MAX} bytes.")
        unknown = set(body) - {"kind", "skipInvalidRows", "ignoreUnknownValues", "templateSuffix", "traceId", "rows"}
        if unknown:
            raise ApiError(400, "invalid", f"Invalid JSON payload received. Unknown name \"{sorted(unknown)[0]}\"")
        rows = body.get("rows")
        if not isinstance(rows, list) or not rows:
            raise ApiError(400, "invalid", "No rows present in the request.")
        if len(rows) > ROWS_MAX:
            raise ApiError(400, "invalid", f"too many rows present in the request, limit: {ROWS_MAX} row count: {len(rows)}.")
        if time.time() < table.visible_at:
            raise ApiError(404, "notFound", f"Not found: Table {table.document()['id']}")
        if not table.fields:
            raise ApiError(400, "invalid", "The destination table has no schema.")
        for i, row in enumerate(rows):
            if not isinstance(row, dict) or set(row) - {"insertId", "json"} or not isinstance(row.get("json"), dict):
                raise ApiError(400, "invalid", f"Invalid value at 'rows[{i}]'")
            if len(row.get("insertId", "").encode()) > INSERT_ID_MAX:
                raise ApiError(400, "invalid", f"The insertId of rows[{i}] is longer than {INSERT_ID_MAX} bytes.")
        return self.insert_rows(table, rows, body)

    def insert_rows(self, table, rows, body):
        fields, errors = table.streaming_fields(), {}
        for i, row in enumerate(rows):
            if len(json.dumps(row["json"])) > ROW_MAX:
                errors[i] = row_error("invalid", "", f"Row is too large; limit: {ROW_MAX} bytes.")
                continue
            error = check_row(row["json"], fields, body.get("ignoreUnknownValues", False))
            if error:
                errors[i] = error
        if errors and not body.get("skipInvalidRows", False):
            for i in range(len(rows)):
                errors.setdefault(i, row_error("stopped", "", ""))
        for i, row in enumerate(rows):
            if i not in errors:
                self.accept(table, fields, row)
        answer = {"kind": "bigquery#tableDataInsertAllResponse"}
        if errors:
            answer["insertErrors"] = [{"index": i, "errors": [errors[i]]} for i in sorted(errors)]
        return answer

    def accept(self, table, fields, row):
        now, key = time.time(), row.get("insertId")
        if key and self.args.dedup_window > 0:
            for old in [k for k, at in table.ids.items() if now - at > self.args.dedup_window]:
                del table.ids[old]
            if key in table.ids:
                return
            table.ids[key] = now
        given = {k.lower(): v for k, v in row["json"].items()}
        stored = {f["name"]: given.get(f["name"].lower(), [] if f["mode"] == "REPEATED" else None) for f in fields}
        table.rows.append((key, stored))

    # -- tokens

    def new_token(self):
        self.token_count += 1
        token = f"fake-token-{self.token_count}"
        self.tokens[token] = time.time() + self.args.token_lifetime
        return {"access_token": token, "expires_in": self.args.token_lifetime, "token_type": "Bearer"}

    def check_token(self, header):
        token = (header or "").removeprefix("Bearer ")
        if self.tokens.get(token, 0) < time.time():
            raise ApiError(401, "authError", "Request had invalid authentication credentials. Expected OAuth 2 access token.")

    def exchange(self, form, token_uri):
        if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            raise ValueError("unsupported_grant_type")
        parts = form.get("assertion", "").split(".")
        if len(parts) != 3:
            raise ValueError("invalid_grant: the assertion has no three parts")
        header, claims = (json.loads(unbase64url(p)) for p in parts[:2])
        sa = self.service_account
        if header.get("alg") != "RS256" or header.get("kid") != sa["private_key_id"]:
            raise ValueError("invalid_grant: wrong alg or kid")
        if not rsa_verify(sa["n"], sa["e"], ".".join(parts[:2]).encode(), unbase64url(parts[2])):
            raise ValueError("invalid_grant: Invalid JWT Signature.")
        now = time.time()
        if claims.get("iss") != sa["client_email"] or claims.get("aud") != token_uri:
            raise ValueError("invalid_grant: wrong iss or aud")
        if not set(claims.get("scope", "").split()) & SCOPES:
            raise ValueError("invalid_scope: none that serves")
        if claims["iat"] > now + 60 or claims["exp"] < now or claims["exp"] - claims["iat"] > 3600:
            raise ValueError("invalid_grant: Invalid JWT: iat and exp are not in a reasonable timeframe")
        return self.new_token()


# ---- keys --------------------------------------------------------------------------------------------------------------

def unbase64url(text):
    if "=" in text or re.search(r"[^A-Za-z0-9_-]", text):
        raise ValueError("invalid_grant: not base64url")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def rsa_verify(n, e, message, signature):
    """RSASSA-PKCS1-v1_5 with SHA-256, by the book (RFC 8017, 8.2.2)."""
    size = (n.bit_length() + 7) // 8
    if len(signature) != size:
        return False
    digest_info = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(message).digest()
    expected = b"\0\1" + b"\xff" * (size - len(digest_info) - 3) + b"\0" + digest_info
    return pow(int.from_bytes(signature, "big"), e, n).to_bytes(size, "big") == expected


def make_key(path, token_uri, project):
    """Writes a service account's key file whose assertions this server accepts."""
    pem = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], check=True,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    modulus = subprocess.run(["openssl", "rsa", "-noout", "-modulus"], input=pem, check=True, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True).stdout
    key = {"type": "service_account", "project_id": project, "private_key_id": hashlib.sha1(pem.encode()).hexdigest(),
           "private_key": pem, "client_email": f"walbridge@{project}.iam.gserviceaccount.com", "token_uri": token_uri}
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump(key, out)
    return dict(key, n=int(modulus.strip().partition("=")[2], 16), e=65537)


# ---- HTTP --------------------------------------------------------------------------------------------------------------

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "fakebq"
    state = None

    def log_message(self, fmt, *args):
        if self.state.args.verbose:
            sys.stderr.write("fakebq: " + fmt % args + "\n")

    def read_body(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            raw = gzip.decompress(raw)
        return raw

    def answer(self, status, document, headers=()):
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        kind = "text/plain" if isinstance(document, bytes) else "application/json; charset=UTF-8"
        self.send_response(status)
        if "gzip" in (self.headers.get("Accept-Encoding") or "") and "gzip" in (self.headers.get("User-Agent") or ""):
            raw = zlib.compress(raw, 1, 31)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def handle_one(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        raw = self.read_body()
        path = urllib.parse.unquote(url.path)
        if path.startswith("/__"):
            self.control(path, query, raw)
        elif path.startswith("/computeMetadata/"):
            self.metadata(path)
        elif path == "/token":
            self.token(raw)
        else:
            self.api(path, raw)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_one

    # -- control

    def control(self, path, query, raw):
        st = self.state
        with st.lock:
            if path == "/__rows" and self.command == "GET":
                rows = [r for t in self.named(query.get("table")) for r in t.rows]
                lines = [{"insertId": k, "json": r} if query.get("ids") else r for k, r in rows]
                self.answer(200, "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in lines).encode())
                return
            if path == "/__requests":
                self.answer(200, st.requests)
                return
            if path == "/__fault" and self.command == "POST":
                faults = json.loads(raw)
                st.faults += [dict(f) for f in (faults if isinstance(faults, list) else [faults])]
            elif path == "/__expire":
                for t in self.named(query.get("table")):
                    del st.tables[t.reference["datasetId"], t.reference["tableId"]]
            elif path == "/__revoke":
                st.tokens.clear()
            elif path == "/__reset":
                st.faults, st.requests = [], []
                for t in st.tables.values():
                    t.rows, t.ids = [], {}
            else:
                self.answer(404, {"error": "no such control"})
                return
        self.answer(200, {})

    def named(self, name):
        return [t for (d, n), t in self.state.tables.items() if name in (None, n, f"{d}.{n}")]

    # -- who are you

    def metadata(self, path):
        if self.headers.get("Metadata-Flavor") != "Google":
            self.answer(403, b"Missing required header: Metadata-Flavor")
            return
        flavor = [("Metadata-Flavor", "Google")]
        if path == "/computeMetadata/v1/project/project-id":
            self.answer(200, self.state.args.project.encode(), flavor)
        elif path == "/computeMetadata/v1/instance/service-accounts/default/token":
            with self.state.lock:
                self.answer(200, self.state.new_token(), flavor)
        else:
            self.answer(404, b"not found")

    def token(self, raw):
        form = dict(urllib.parse.parse_qsl(raw.decode()))
        try:
            if self.headers.get("Content-Type") != "application/x-www-form-urlencoded":
                raise ValueError("invalid_request: wrong content type")
            with self.state.lock:
                self.answer(200, self.state.exchange(form, self.state.service_account["token_uri"]))
        except (ValueError, KeyError, TypeError) as bad:
            error, _, why = str(bad).partition(": ")
            self.answer(400, {"error": error, "error_description": why})

    # -- the API

    def find_fault(self, path):
        for f in self.state.faults:
            if f.get("match", "") in path and f.get("method", self.command) == self.command:
                if f.get("skip", 0) > 0:
                    f["skip"] -= 1
                    continue
                f["times"] = f.get("times", 1) - 1
                if f["times"] <= 0:
                    self.state.faults.remove(f)
                return f
        return None

    def drop(self):
        self.close_connection = True
        self.connection.shutdown(2)

    def api(self, path, raw):
        st = self.state
        note = {"method": self.command, "path": path, "status": 0, "bytes": len(raw), "rows": 0}
        with st.lock:
            fault = self.find_fault(path) or {}
            st.requests.append(note)
        if fault.get("delay_ms"):
            time.sleep(fault["delay_ms"] / 1000)
        if fault.get("drop") == "before":
            self.drop()
            return
        headers = [("Retry-After", str(fault["retry_after"]))] if "retry_after" in fault else []
        try:
            if "status" in fault:
                raise ApiError(fault["status"], fault.get("reason", ""), fault.get("message", "scripted fault"))
            with st.lock:
                document = self.dispatch(path, raw, fault, note)
            status = 200
        except ApiError as error:
            status, document = error.status, error.document()
        note["status"] = status
        if fault.get("drop") == "after":
            self.drop()
            return
        self.answer(status, document, headers)

    def dispatch(self, path, raw, fault, note):
        st = self.state
        if st.args.auth:
            st.check_token(self.headers.get("Authorization"))
        path = path.removeprefix("/bigquery/v2")
        m = re.fullmatch(r"/projects/([^/]+)/datasets(?:/([^/]+))?(?:/tables(?:/([^/]+)(?:/(insertAll))?)?)?/?", path)
        if not m:
            raise ApiError(404, "notFound", f"Not found: {path}")
        project, dataset, table, action = m.groups()
        if project != st.args.project:
            raise ApiError(404 if not st.args.auth else 403, "notFound" if not st.args.auth else "accessDenied",
                           f"Not found: Project {project}")
        body = self.parse(raw) if self.command in ("POST", "PATCH", "PUT") else {}
        if dataset is None:
            return self.datasets(project, body)
        if dataset not in st.datasets:
            raise ApiError(404, "notFound", f"Not found: Dataset {project}:{dataset}")
        if "/tables" not in path:
            return self.dataset(project, dataset)
        if table is None:
            return self.table_list(project, dataset, body)
        if (dataset, table) not in st.tables:
            raise ApiError(404, "notFound", f"Not found: Table {project}:{dataset}.{table}")
        if action:
            return self.insert_all(st.tables[dataset, table], body, len(raw), fault, note)
        return self.table(st.tables[dataset, table], body)

    def parse(self, raw):
        def once(pairs):
            out = {}
            for k, v in pairs:
                if k in out:
                    raise ApiError(400, "parseError", f"Duplicate key {k}")
                out[k] = v
            return out

        def constant(name):
            raise ApiError(400, "parseError", f"Parse Error: {name} is no JSON")

        if not (self.headers.get("Content-Type") or "").startswith("application/json"):
            raise ApiError(400, "parseError", "This API does not support parsing form-encoded input.")
        try:
            body = json.loads(raw.decode("utf-8"), object_pairs_hook=once, parse_constant=constant)
        except ValueError:
            raise ApiError(400, "parseError", "Parse Error")
        if not isinstance(body, dict):
            raise ApiError(400, "parseError", "Parse Error")
        return body

    def datasets(self, project, body):
        st = self.state
        if self.command == "GET":
            return {"kind": "bigquery#datasetList",
                    "datasets": [{"datasetReference": {"projectId": project, "datasetId": d}} for d in st.datasets]}
        name = body.get("datasetReference", {}).get("datasetId", "")
        if not re.fullmatch(r"\w{1,1024}", name):
            raise ApiError(400, "invalid", f"Invalid dataset ID \"{name}\".")
        if name in st.datasets:
            raise ApiError(409, "duplicate", f"Already Exists: Dataset {project}:{name}")
        st.datasets[name] = {k: v for k, v in body.items() if k in ("location", "defaultTableExpirationMs", "labels")}
        return self.dataset(project, name)

    def dataset(self, project, dataset):
        if self.command not in ("GET", "POST"):
            raise ApiError(404, "notFound", "Not found")
        return dict(self.state.datasets[dataset], kind="bigquery#dataset", id=f"{project}:{dataset}",
                    datasetReference={"projectId": project, "datasetId": dataset})

    def table_list(self, project, dataset, body):
        st = self.state
        if self.command == "GET":
            return {"kind": "bigquery#tableList", "tables": [{"tableReference": t.reference} for (d, _), t in
                                                             st.tables.items() if d == dataset]}
        ref = body.get("tableReference", {})
        name = ref.get("tableId", "")
        if not re.fullmatch(r"[\w-]{1,1024}", name) or ref.get("datasetId") != dataset or ref.get("projectId") != project:
            raise ApiError(400, "invalid", f"Invalid table ID \"{name}\" or reference.")
        if (dataset, name) in st.tables:
            raise ApiError(409, "duplicate", f"Already Exists: Table {project}:{dataset}.{name}")
        st.tables[dataset, name] = Table(project, dataset, name, body, st.args.propagation)
        return st.tables[dataset, name].document()

    def table(self, table, body):
        if self.command == "GET":
            return table.document()
        if self.command == "PATCH":
            table.patch(body, self.headers.get("If-Match"), self.state.args.propagation)
            return table.document()
        if self.command == "DELETE":
            del self.state.tables[table.reference["datasetId"], table.reference["tableId"]]
            return {}
        raise ApiError(404, "notFound", "Not found")

    def insert_all(self, table, body, size, fault, note):
        if self.command != "POST":
            raise ApiError(404, "notFound", "Not found")
        note["rows"] = len(body.get("rows") or [])
        listed = fault.get("row_errors")
        if not listed:
            return self.state.insert_all(table, body, size)
        # Faults other than the schema's: the listed rows are out, the others are in.
        out = {e["index"] for e in listed if e["index"] < note["rows"]}
        rest = [r for i, r in enumerate(body["rows"]) if i not in out]
        if rest:
            self.state.insert_rows(table, rest, body)
        return {"kind": "bigquery#tableDataInsertAllResponse",
                "insertErrors": [{"index": e["index"], "errors": [row_error(e.get("reason", "invalid"),
                                                                            e.get("location", ""), e.get("message", ""))]}
                                 for e in listed if e["index"] in out]}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--host", default="127.0.0.1")
    p.add_argument("--port", type=int, default=9050, help="0: any free one")
    p.add_argument("--port-file", help="the port is written here once the server listens")
    p.add_argument("--project", default="demo")
    p.add_argument("--dataset", action="append", default=[], help="NAME or NAME:DEFAULT_TABLE_EXPIRATION_MS")
    p.add_argument("--auth", action="store_true", help="refuse requests without a valid token")
    p.add_argument("--make-key", metavar="FILE", help="write a service account's key that this server knows")
    p.add_argument("--token-lifetime", type=int, default=3600)
    p.add_argument("--dedup-window", type=float, default=60, help="seconds an insert id is remembered; 0: never")
    p.add_argument("--propagation", type=float, default=0, help="seconds until inserts see a new table or column")
    p.add_argument("--verbose", action="store_true")
    args = p.parse_args()

    state = Handler.state = State(args)
    ThreadingHTTPServer.request_queue_size = 128
    server = ThreadingHTTPServer((args.host, args.port), Handler)
    server.daemon_threads = True
    port = server.server_address[1]
    if args.make_key:
        state.service_account = make_key(args.make_key, f"http://{args.host}:{port}/token", args.project)
    if args.port_file:
        with open(args.port_file + ".new", "w") as out:
            out.write(f"{port}\n")
        os.replace(args.port_file + ".new", args.port_file)
    print(f"fakebq: listening on http://{args.host}:{port}", file=sys.stderr, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()

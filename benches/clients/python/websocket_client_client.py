"""websocket-client: the blocking interface, with wsaccel installed, which its documentation names for speed."""

from __future__ import annotations

from common import Job
from pulling import block_blocking, play_blocking
from websocket import create_connection

job = Job.read()
ws = create_connection(job.url, sslopt={"ca_certs": job.ca} if job.ca else {})
if job.mode == "blocked":
    block_blocking(ws.recv)
play_blocking(job, ws.send_binary if job.binary else ws.send, ws.recv)
ws.close()

"""kubernetes: exec in a pod; the program opens another one when it ends."""

from playing import HTTP, again, ended, heard, tell

from kubernetes import client
from kubernetes.stream import stream

configuration = client.Configuration(host=HTTP)
api = client.CoreV1Api(client.ApiClient(configuration))


def session():
    pod = stream(
        api.connect_get_namespaced_pod_exec,
        "pod",
        "default",
        command=["sh"],
        stdin=True,
        stdout=True,
        stderr=True,
        tty=False,
        _preload_content=False,
    )
    while pod.is_open():
        pod.update(timeout=1)
        if pod.peek_stdout():
            text = pod.read_stdout().strip()
            heard(text)
            if text == "close":
                pod.close()
                return True
            pod.write_stdin(f"re: {text}")
    return False


while True:
    try:
        if session():
            break
        tell("ended")
    except Exception as error:
        tell("ended", ended(error))
    again()

"""The certificates of one start: an authority, and servers' that are good, for a wrong name, and expired."""

import pathlib
import shutil
import ssl
import subprocess

CA_CONFIG = """
[ca]
default_ca = it
[it]
database = index
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""
NEW = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
BY_CA = ["-x509", "-days", "2", "-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"]
LOCAL = "subjectAltName=DNS:localhost,DNS:*.test,IP:127.0.0.1"


def _run(directory, *commands):
    """Side by side."""
    runs = [subprocess.Popen(command, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT) for command in commands]
    for run in runs:
        output, _ = run.communicate()
        if run.returncode:
            raise RuntimeError(f"{run.args}: {output.decode()}")


def make(directory):
    """Writes ca.pem into the directory. Returns contexts by name: good, wrong_name, expired."""
    keep = directory
    directory = pathlib.Path(directory) / "api.tls"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700)
    (directory / "ca.conf").write_text(CA_CONFIG)
    (directory / "index").touch()
    (directory / "serial").write_text("01\n")
    _run(directory,
         [*NEW, "-x509", "-days", "2", "-subj", "/CN=pg_etl test authority", "-addext",
          "keyUsage=critical,keyCertSign,cRLSign", "-keyout", "ca.key", "-out", "ca.pem"],
         [*NEW, "-subj", "/CN=localhost", "-addext", LOCAL, "-keyout", "expired.key", "-out", "expired.csr"])
    _run(directory,
         [*NEW, *BY_CA, "-subj", "/CN=localhost", "-addext", LOCAL, "-keyout", "good.key", "-out", "good.pem"],
         [*NEW, *BY_CA, "-subj", "/CN=elsewhere", "-addext", "subjectAltName=DNS:elsewhere.example",
          "-keyout", "wrong_name.key", "-out", "wrong_name.pem"],
         ["openssl", "ca", "-batch", "-notext", "-config", "ca.conf", "-cert", "ca.pem",
          "-keyfile", "ca.key", "-in", "expired.csr", "-startdate", "20200101000000Z", "-enddate", "20200102000000Z",
          "-out", "expired.pem"])
    contexts = {}
    for name in ("good", "wrong_name", "expired"):
        contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        contexts[name].set_alpn_protocols(["http/1.1"])
        contexts[name].load_cert_chain(directory / f"{name}.pem", directory / f"{name}.key")
    authority = pathlib.Path(keep) / "api.ca.pem"
    shutil.copyfile(directory / "ca.pem", authority)
    authority.chmod(0o644)
    shutil.rmtree(directory)
    return contexts, authority

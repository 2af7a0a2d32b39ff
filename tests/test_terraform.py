"""The Terraform files, as far as they can be checked without Terraform: they parse, variables are
declared with type and description and used, references resolve, modules get what they need and
nothing else, secrets are marked, and lines are laid out as `terraform fmt` lays them out."""

import re
from pathlib import Path

import pytest

hcl2 = pytest.importorskip("hcl2")

ROOT = Path(__file__).resolve().parents[1] / "deploy" / "terraform"
FOLDERS = sorted({path.parent for path in ROOT.rglob("*.tf")})
SECRET = re.compile(r"token|secret|access_key")
HEAD = re.compile(r'^(variable|output|module) "(\w+)" \{', re.M)


def plain(value):
    "A value of the parser without the quotes that some versions keep."
    if isinstance(value, dict):
        return {plain(name): plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value.strip('"') if isinstance(value, str) else value


def parsed(folder: Path) -> dict[str, list]:
    "All blocks of a folder, by their kind."
    found = {}
    for path in sorted(folder.glob("*.tf")):
        with open(path, encoding="utf-8") as file:
            for kind, blocks in plain(hcl2.load(file)).items():
                if isinstance(blocks, list):
                    found.setdefault(kind, []).extend(blocks)
    return found


def named(blocks: list[dict]) -> dict[str, dict]:
    "Blocks with one label, by it."
    return {name: body for block in blocks for name, body in block.items() if name[:2] != "__"}


def text(folder: Path) -> str:
    "All text of a folder, without comments."
    joined = "\n".join(path.read_text("utf-8") for path in sorted(folder.glob("*.tf")))
    return re.sub(r"(?m)^\s*#.*$", "", joined)


def laid_out(source: str) -> str:
    "The text with the indents and aligned signs that `terraform fmt` gives it."
    lines, depth, block = [], 0, []

    def flush():
        width = max((len(name) for name, _ in block), default=0)
        lines.extend(f"{'  ' * depth}{name.ljust(width)} = {value}" for name, value in block)
        block.clear()

    for raw in source.splitlines():
        line = raw.strip()
        pair = re.fullmatch(r"([\w-]+)\s*=\s*(.*)", line)
        opens = line.count("{") + line.count("(") + line.count("[")
        closes = line.count("}") + line.count(")") + line.count("]")
        if pair and opens == closes:
            block.append(pair.groups())
            continue
        flush()
        first = line[:1] in ("}", ")", "]")
        depth -= first
        lines.append("  " * depth + (" = ".join(pair.groups()) if pair else line) if line else "")
        depth += 0 if first else (opens > closes) - (opens < closes)
    flush()
    return "\n".join(lines) + "\n"


def test_there_is_what_the_list_names():
    names = {folder.name for folder in FOLDERS}
    wanted = {"service_account", "datasphere_community", "datasphere_project"}
    assert wanted | {"object_storage", "functions", "postgresql", "example"} == names


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.tf")), ids=lambda path: str(path)[-40:])
def test_files_are_formatted(path):
    source = path.read_text(encoding="utf-8")
    assert laid_out(source) == source
    assert laid_out(source.replace("  ", " ")) == source  # The layout comes from the rules alone


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_variables_and_outputs_say_what_they_are(folder):
    blocks, whole = parsed(folder), text(folder)
    variables, outputs = named(blocks.get("variable", [])), named(blocks.get("output", []))
    for name, body in variables.items():
        assert body.get("type") and body.get("description"), name
        assert f"var.{name}" in whole.replace(f"var.{name} ", f"var.{name}"), f"{name} is not used"
        if SECRET.search(name) and not name.endswith(("_id", "create_static_key")):
            assert body.get("sensitive") is True, f"{name} is not marked as a secret"
            assert body.get("default", "") == "", f"{name} holds a secret"
    for name, body in outputs.items():
        assert body.get("description"), name
        if SECRET.search(name):
            assert body.get("sensitive") is True, f"{name} would be printed"
    assert set(re.findall(r"\bvar\.(\w+)", whole)) == set(variables)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_references_resolve(folder):
    blocks, whole = parsed(folder), text(folder)
    resources = {
        f"{kind}.{name}"
        for block in blocks.get("resource", [])
        for kind, body in block.items()
        for name in body
    }
    used = set(re.findall(r"\b(yandex_\w+\.\w+)", whole))
    assert used <= resources
    own = {name for block in blocks.get("locals", []) for name in block if name[:2] != "__"}
    assert set(re.findall(r"\blocal\.(\w+)", whole)) == own
    [needs] = [block for block in blocks["terraform"] if "required_providers" in block]
    assert "yandex-cloud/yandex" in str(needs)


def test_modules_get_what_they_need_and_nothing_else():
    for folder in FOLDERS:
        calls = named(parsed(folder).get("module", []))
        for name, body in calls.items():
            target = (folder / body["source"]).resolve()
            variables = named(parsed(target)["variable"])
            given = {key for key in body if key[:2] != "__"} - {"source", "count"}
            needed = {key for key, each in variables.items() if "default" not in each}
            assert needed <= given <= set(variables), name
        outputs = {
            name: set(named(parsed((folder / body["source"]).resolve())["output"]))
            for name, body in calls.items()
        }
        for module, output in re.findall(r"module\.(\w+)\[0\]\.(\w+)", text(folder)):
            assert output in outputs[module], f"{module}.{output}"


def test_inputs_and_outputs_are_those_of_the_list():
    modules = ROOT / "modules"
    project = named(parsed(modules / "datasphere_project")["variable"])
    assert project["max_units_per_hour"]["default"] == 20
    assert project["max_units_per_execution"]["default"] == 200
    account = parsed(modules / "service_account")
    wanted = {"name", "description", "folder_id", "cloud_id", "create_static_key"}
    assert wanted | {"folder_roles", "cloud_roles"} == set(named(account["variable"]))
    wanted = {"id", "name", "static_access_key_id", "static_secret_key"}
    assert wanted == set(named(account["output"]))
    example = set(named(parsed(ROOT / "environments" / "example")["output"]))
    wanted = {"datasphere_project_id", "community_id", "datasphere_summary", "import_status"}
    assert wanted <= example


def test_the_database_is_the_one_of_the_list():
    blocks = parsed(ROOT / "modules" / "postgresql")
    [cluster] = [each for each in blocks["resource"] if "yandex_mdb_postgresql_cluster" in each]
    [config] = cluster["yandex_mdb_postgresql_cluster"]["this"]["config"]
    assert config["version"] == "15"
    assert named(blocks["variable"])["backup_days"]["default"] == 7
    assert "user_secret" not in str(named(blocks["output"]))


def test_a_fault_is_found():
    assert laid_out("a {\nb = 1\n  long = 2\n}\n") == "a {\n  b    = 1\n  long = 2\n}\n"
    assert HEAD.findall('variable "x" {\n}\noutput "y" {\n}') == [
        ("variable", "x"),
        ("output", "y"),
    ]

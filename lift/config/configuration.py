"""The config of an experiment: checked against its schema and against what exists, with defaults filled in."""

import copy
import re
from pathlib import Path

import jsonschema
import yaml

from lift import registry
from lift.config.schema import as_written, explain, fill_defaults, hint, not_finite, read_as
from lift.data import hub, prompts
from lift.decode import settings as decoding
from lift.errors import InputError
from lift.models import model_files
from lift.models.families import FAMILIES, family_name, fitting

SCHEMA = Path(__file__).parent.parent.parent / "workflow" / "schemas" / "config.schema.yaml"
SHIPPED = Path(__file__).parent.parent / "miniature" / "weights"  # the base `shipped`
OWN_BASES = ("shipped", "train")  # of the miniature


def load_config(path: Path) -> dict:
    """The config in a file, checked and completed as the workflow does it. Raises InputError that names a mistake."""
    try:
        given, schema = (yaml.safe_load(file.read_text()) for file in (path, SCHEMA))
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    return resolve(given, schema)


def resolve(config: dict, schema: dict) -> dict:
    """The config with all defaults. Raises InputError that lists every mistake, by key."""
    config = as_written(copy.deepcopy(config), schema, schema)
    validator = jsonschema.Draft202012Validator(schema)
    mistakes = [explain(error) for error in validator.iter_errors(config)] + list(not_finite(config, ""))
    if not mistakes:
        fill_defaults(config, schema, schema)
        mistakes = [*_add_ablations(config), *_cross_check(config), *_keep_only(config)]
    if mistakes:
        raise InputError("The config cannot be used:\n" + "\n".join(f"  - {mistake}" for mistake in mistakes))
    return config


def settings(entry: dict, *own_keys: str) -> dict:
    """The settings in an entry: all keys but the entry's own."""
    return {name: value for name, value in entry.items() if name not in own_keys}


def _add_ablations(config: dict):
    """Add the ablations to the methods, where they are to run. They are checked in any case."""
    methods, ablations = config["methods"], config["ablations"]
    for name, method in ablations.items():
        if methods.get(name, method) != method:  # a resolved config has them in both places
            yield f"ablations.{name}: there is another method of this name in `methods`"
    yield from _check_methods("ablations", config, ablations, ablations | methods)
    if config["run_ablations"]:
        config["methods"] |= ablations


def _keep_only(config: dict):
    """Leave those of the methods that `only` names, the references, and whose runs they take."""
    named = config.get("only")
    if named is None:
        return
    chosen = [*config["references"], *([named] if isinstance(named, str) else named)]
    known = config["methods"] | config["ablations"]
    yield from (_unknown("only", "method", name, known) for name in chosen if name not in known)
    runs = {known[name]["run_of"] for name in chosen if "run_of" in known.get(name, {})}
    config["methods"] = {name: method for name, method in known.items() if name in runs.union(chosen)}
    config["ablations"] = {name: method for name, method in config["ablations"].items() if name in config["methods"]}


def _given(entry: dict) -> dict:
    """The settings that stand in an entry of corpora or benchmarks."""
    return settings(entry, "source", "held_out", "decoder", "samples", "k")


def method_settings(method: dict) -> dict:
    """What a method passes to its objective, defaults included."""
    return registry.settings("objective")[method["objective"]] | settings(method, "objective", "training")


def method_training(config: dict, method: str) -> dict:
    """How a method is trained: the common settings and its own, or those of the method whose runs it takes."""
    entry = config["methods"][method]
    if "run_of" in entry:
        return method_training(config, entry["run_of"]) | {"checkpoint": entry["checkpoint"]}
    return config["training"] | entry["training"]


def trained_methods(config: dict) -> list[str]:
    """The methods that have a fine-tuning run of their own."""
    return [name for name, method in config["methods"].items() if "run_of" not in method]


def corpus_settings(corpus: dict) -> dict:
    """What a corpus entry passes to its source, defaults included."""
    return registry.settings("corpus")[corpus["source"]] | _given(corpus)


def benchmark_decoders(config: dict, benchmark: str) -> dict[str, dict]:
    """The decoders of a benchmark with their settings, in the order of its entry."""
    named = config["benchmarks"][benchmark]["decoder"]
    return {name: config["decoders"][name] for name in ([named] if isinstance(named, str) else named)}


def hub_model(entry: dict) -> bool:
    """Whether a model is one of the hub, not the miniature's nor a folder here."""
    base = entry["base"]
    return base not in OWN_BASES and not Path(base).exists() and hub.is_hub_id(base)


def benchmark_settings(benchmark: dict) -> dict:
    """What a benchmark entry passes to its source, defaults included."""
    return registry.settings("benchmark")[benchmark["source"]] | _given(benchmark)


def _check_settings(key: str, given: dict, known: dict[str, object], choices: dict[str, list]):
    """Settings must be known, of the kind of their default and, where there is a choice, one of it."""
    for name, value in given.items():
        if name not in known:
            yield f"{key}: unknown setting {name!r}{hint(name, list(known))}"
            continue
        default = known[name]
        kind = type(default)
        fits = isinstance(value, kind) or (kind is float and isinstance(value, int))
        if not fits or (isinstance(value, bool) and kind is not bool):
            yield f"{key}.{name}: {value!r} should be {kind.__name__}, like {default!r}"
        elif value == []:
            yield f"{key}.{name}: the list is empty"
        else:
            for part in value if isinstance(value, list) else [value]:
                if name in choices and part not in choices[name]:
                    yield f"{key}.{name}: unknown value {part!r}{hint(part, choices[name])}"


def _unknown(key: str, kind: str, name: str, known: dict) -> str:
    return f"{key}: unknown {kind} {name!r}{hint(name, list(known))}"


_KINDS = {bool: "boolean", int: "integer", float: "number"}  # of a setting's default


def _check_source(key: str, name: str, kind: str, entry: dict, given: dict):
    """A named file must exist, and take the settings given in an entry; those that came as text are read."""
    known = registry.settings(kind)
    if name not in known:
        yield _unknown(key, kind, name, known)
    else:
        for setting in given.keys() & known[name].keys():
            default = known[name][setting]
            parts = default if isinstance(default, list) else [default]
            kinds = [_KINDS[type(part)] for part in parts[:1] if type(part) in _KINDS]
            one = given[setting]
            read = [read_as(part, kinds) for part in one] if isinstance(one, list) else read_as(one, kinds)
            entry[setting] = given[setting] = read if kinds else one
        yield from _check_settings(key, given, known[name], registry.choices(kind, name))


def _cross_check(config: dict):
    """Mistakes that a schema cannot see: names that point nowhere, settings, sizes that do not fit, missing files."""
    for name, model in config["models"].items():
        key, folder = f"models.{name}", model["base"]
        if model["family"] not in FAMILIES:
            yield _unknown(f"{key}.family", "family", model["family"], FAMILIES)
        if hub_model(model):
            if "revision" not in model:
                yield f"{key}: the hub id {folder!r} needs a `revision`: a commit, or `main` for what is there today"
        elif folder not in OWN_BASES:
            for file in ("config.json", "tokenizer_config.json"):
                if not Path(folder, file).is_file():
                    yield (
                        f"{key}.base: {folder!r} is neither `shipped`, `train`, a hub id (owner/name) "
                        f"nor a folder with a {file}"
                    )
            yield from _check_family(key, model)
            yield from _braces(f"{key}.base", folder)
        yield from _check_quantisation(f"{key}.quantisation", model, config)
        needed = {"steps", "batch_size", "learning_rate", "upper_share"}
        if folder == "train" and (missing := needed - model["training"].keys()):
            yield f"{key}.training: base `train` needs {', '.join(sorted(missing))}"
    for name, corpus in config["corpora"].items():
        source = corpus.setdefault("source", name)
        known = registry.settings("corpus").get(source, {}) | corpus
        size = known.get("size", known.get("rows"))
        if isinstance(size, int) and 0 < size <= corpus["held_out"]:
            yield f"corpora.{name}.held_out: {corpus['held_out']} leaves none of {size} examples for training"
        yield from _check_source(f"corpora.{name}", source, "corpus", corpus, _given(corpus))
        yield from _check_files(f"corpora.{name}", corpus)
    yield from _check_methods("methods", config, config["methods"], config["methods"])
    for reference in config.setdefault("references", [next(iter(config["methods"]))]):
        if reference not in config["methods"]:
            yield _unknown("references", "method", reference, config["methods"])
    if config["statistics"]["corpus"] not in config["corpora"]:
        yield _unknown("statistics.corpus", "corpus", config["statistics"]["corpus"], config["corpora"])
    for name, decoder in config["decoders"].items():
        yield from (f"decoders.{name}.{key}: {fault}" for key, fault in decoding.faults(decoder))
    for name, benchmark in config["benchmarks"].items():
        key, source = f"benchmarks.{name}", benchmark.setdefault("source", name)
        yield from _check_source(key, source, "benchmark", benchmark, _given(benchmark))
        named = benchmark["decoder"]
        for decoder in [named] if isinstance(named, str) else named:
            if decoder not in config["decoders"]:
                yield _unknown(f"{key}.decoder", "decoder", decoder, config["decoders"])
            elif benchmark["samples"] > 1 and not decoding.drawn(config["decoders"][decoder]):
                yield f"{key}.samples: {benchmark['samples']} answers of greedy decoder ({decoder}) are equal"
        if not 1 <= benchmark.setdefault("k", benchmark["samples"]) <= benchmark["samples"]:
            yield f"{key}.k: {benchmark['k']} of {benchmark['samples']} samples cannot be drawn"
        yield from _check_files(key, benchmark)


def _check_methods(where: str, config: dict, methods: dict, known: dict):
    """Objectives with their settings and training, or checkpoints of a known method's runs."""
    for name, method in methods.items():
        key = f"{where}.{name}"
        if "run_of" in method:
            other = method["run_of"]
            if other not in known:
                yield _unknown(f"{key}.run_of", "method", other, known)
            elif "run_of" in known[other]:
                yield f"{key}.run_of: {other!r} has no run of its own; name {known[other]['run_of']!r}"
            continue
        objective, training = method["objective"], config["training"] | method["training"]
        yield from _check_source(key, objective, "objective", method, settings(method, "objective", "training"))
        if training["corpus"] not in config["corpora"]:
            place = f"{key}.training" if "corpus" in method["training"] else "training"
            yield _unknown(f"{place}.corpus", "corpus", training["corpus"], config["corpora"])
        at_a_time = training["micro_batch_size"] * training["devices"]
        if training["batch_size"] % at_a_time:
            yield (
                f"{key}: batch_size {training['batch_size']} is no multiple of micro_batch_size x devices = {at_a_time}"
            )


def _check_quantisation(key: str, model: dict, config: dict):
    """Matrices of 4 bits are multiplied in bfloat16, and cannot be trained themselves."""
    if model["quantisation"] is None:
        return
    if model["dtype"] != "bfloat16":
        yield f"{key}: {model['quantisation']!r} computes in bfloat16; say `dtype: bfloat16` beside it"
    for method in trained_methods(config):
        if (config["training"] | config["methods"][method]["training"])["lora"] is None:
            yield f"{key}: {method!r} trains all weights (`lora: null`), which 4 bits cannot take; give it an adapter"


def _braces(key: str, path: object):
    """A file or folder is an input of the workflow, where Snakemake takes braces for wildcards."""
    if isinstance(path, str) and re.search("[{}]", path):
        yield f"{key}: {path!r} holds braces, which Snakemake takes for wildcards; rename it, or take a relative path"


def _check_family(key: str, model: dict):
    """A checkpoint folder must be of the family that the entry says."""
    path = Path(model["base"], "config.json")
    if path.is_file():
        try:
            published = model_files.read_json(path)
            known = fitting(published.get("model_type"))
            if known and model["family"] not in known:
                found = f"the model_type in {str(path)!r} is {published['model_type']!r}"
                yield f"{key}.family: {model['family']!r}, but {found}: say {' or '.join(map(repr, known))}"
            else:
                family_name(path, published, model["family"])
        except InputError as error:
            yield f"{key}.base: {error}"


def _check_files(key: str, entry: dict):
    """What an entry of corpora or benchmarks names must be there: its data, unless it is on the hub, and its prompt."""
    path, prompt = entry.get("path"), entry.get("prompt")
    yield from _braces(f"{key}.path", path)
    yield from _braces(f"{key}.prompt", prompt)
    remote = isinstance(path, str) and (path.startswith(("http://", "https://")) or hub.is_hub_id(path))
    if path and not remote and not Path(path).exists():
        yield f"{key}.path: the file {path!r} does not exist"
    if prompt and not prompts.prompt_file("", prompt).is_file():
        yield f"{key}.prompt: the file {prompt!r} does not exist"

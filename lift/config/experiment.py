"""An experiment: its checked config as one object, with a view for every stage.

A view holds what can change a stage's result and nothing else, as plain values: the stage is given it, and the workflow
runs the stage again where it has changed. What only changes how fast or where something is computed (threads, batch
sizes of decoding, shards) is in none.
"""

from functools import cached_property
from pathlib import Path

from lift.config import configuration
from lift.config.layout import Layout
from lift.data.benchmarks import data_file, describe
from lift.data.prompts import prompt_file
from lift.decode.settings import drawn
from lift.errors import InputError
from lift.provenance import file_hash

GUESSES = 16  # well-formed random answers to a problem that is not sampled


class Experiment:
    """config: resolved, as lift.config.configuration.resolve gives it. results: the folder of all experiments."""

    def __init__(self, config: dict, results: Path = Path("results")) -> None:
        self.config = config
        self.layout = Layout(results / config["experiment"])

    @classmethod
    def read(cls, path: Path) -> "Experiment":
        """The experiment of a config file, checked. Raises InputError that names a mistake."""
        return cls(configuration.load_config(path))

    # --- names

    @property
    def seeds(self) -> list[int]:
        return self.config["seeds"]

    @property
    def models(self) -> list[str]:
        return list(self.config["models"])

    @property
    def methods(self) -> list[str]:
        return list(self.config["methods"])

    @property
    def trained(self) -> list[str]:
        """Methods with runs of their own; the others decode another checkpoint of theirs."""
        return configuration.trained_methods(self.config)

    @property
    def ablations(self) -> list[str]:
        return [name for name in self.methods if name in self.config["ablations"]]

    @property
    def corpora(self) -> list[str]:
        return list(self.config["corpora"])

    @property
    def benchmarks(self) -> list[str]:
        return list(self.config["benchmarks"])

    @cached_property
    def rows(self) -> list[str]:
        """Of the tables, in their order: guessing, the base, and all methods."""
        guessed = any(about["guesses"] for about in self._about.values())
        return [*(["guess"] if guessed else []), "base", *self.methods]

    @cached_property
    def lengths(self) -> list[int]:
        """Of answers, over all decoders that answer."""
        return sorted({one["gen_length"] for name in self.benchmarks for one in self.decoders(name).values()})

    # --- what is decoded, and with what

    @cached_property
    def _about(self) -> dict[str, dict]:
        """By benchmark: its grader, metric, prompt file, and whether it has guesses."""
        return {
            name: describe(entry["source"], configuration.benchmark_settings(entry))
            for name, entry in self.config["benchmarks"].items()
        }

    def decoders(self, benchmark: str) -> dict[str, dict]:
        """By name, in the order of the config, without the batch size."""
        named = configuration.benchmark_decoders(self.config, benchmark)
        return {name: _sorted(configuration.settings(one, "batch_size")) for name, one in named.items()}

    def answers(self, method: str, seed: int) -> list[tuple[str, str]]:
        """The benchmarks and decoders that a checkpoint answers.

        Guessing answers what has guesses; the base answers anew with a further seed only what is drawn at random.
        """
        every = [(name, decoder) for name in self.benchmarks for decoder in self.decoders(name)]
        if method == "guess":
            return [(name, decoder) for name, decoder in every if self._about[name]["guesses"]]
        if method == "base" and seed != self.seeds[0]:
            return [(name, decoder) for name, decoder in every if drawn(self.decoders(name)[decoder])]
        return every

    def checkpoints(self) -> list[tuple[str, str, int]]:
        """Model, method and seed of all that answers, guessing last."""
        drawn = self.answers("base", -1)
        found = [(model, method, seed) for model in self.models for method in self.methods for seed in self.seeds]
        found += [(model, "base", seed) for model in self.models for seed in (self.seeds if drawn else self.seeds[:1])]
        return found + [("none", "guess", 0)] * ("guess" in self.rows)

    def answered(self) -> list[tuple[str, str, int, str, str]]:
        """Model, method, seed, benchmark and decoder of every file of answers: by benchmark, guesses last."""
        places = self.checkpoints()
        answers = {place: set(self.answers(*place[1:])) for place in places}
        every = [(*place, *one) for one in self.answers("", self.seeds[0]) for place in places if one in answers[place]]
        return sorted(every, key=lambda file: file[1] == "guess")

    def run_of(self, method: str) -> str:
        """The method whose runs a method decodes."""
        return self.config["methods"][method].get("run_of", method)

    def training(self, method: str) -> dict:
        """How a method is trained, `corpus` and the `checkpoint` that is decoded included."""
        return configuration.method_training(self.config, method)

    def processes(self, gpus: int) -> int:
        """That share the statistics of a model, or the answers of a checkpoint, where a job may take so many GPUs."""
        shards = self.config["shards"]
        return min(shards, gpus) if self.config["device"] == "cuda" else shards

    def model(self, model: str) -> Path:
        """Where a base model lies: in the results where the workflow makes or fetches it, else in the user's folder."""
        entry = self.config["models"][model]
        made = entry["base"] in configuration.OWN_BASES or configuration.hub_model(entry)
        return self.layout.model(model) if made else Path(entry["base"])

    def checkpoint(self, model: str, method: str, seed: int | str) -> Path | None:
        """The adapter or weights that a method decodes with; None for the base."""
        if method == "base":
            return None
        return self.layout.run(model, self.run_of(method), seed) / self.training(method)["checkpoint"]

    def local_files(self, kind: str, name: str) -> list[Path]:
        """Data and prompt of an entry of `corpora` or `benchmarks` that lie on this machine."""
        entry = self.config[kind][name]
        return [Path(path) for path in (data_file(entry), entry.get("prompt")) if path]

    # --- views

    def recorded(self) -> dict:
        """The config without what changes no result: of its record, and of the table of power."""
        kept = configuration.settings(self.config, "threads", "shards")
        decoders = {name: configuration.settings(one, "batch_size") for name, one in self.config["decoders"].items()}
        return _sorted(kept | {"decoders": decoders})

    def corpus(self, corpus: str) -> dict:
        """source, settings, prompt (a hash of its file): of preparing a corpus."""
        entry = self.config["corpora"][corpus]
        settings = _sorted(configuration.corpus_settings(entry))
        prompt = prompt_file("reasoning", settings["prompt"]) if "prompt" in settings else None
        return {"source": entry["source"], "settings": settings, "prompt": prompt and file_hash(prompt)}

    def tokenised(self, model: str, corpus: str) -> dict:
        """source, held_out, family: of tokenising it for a model."""
        facts = {key: self.config["corpora"][corpus][key] for key in ("source", "held_out")}
        return facts | {"family": self.config["models"][model]["family"]}

    def problems(self, benchmark: str) -> dict:
        """source, settings, prompt (a hash of its file): of preparing a benchmark."""
        entry, prompt = self.config["benchmarks"][benchmark], self._about[benchmark]["prompt"]
        settings = _sorted(configuration.benchmark_settings(entry))
        return {"source": entry["source"], "settings": settings, "prompt": prompt and file_hash(Path(prompt))}

    def base(self, model: str) -> dict:
        """base, revision, family, recipe: of a base model; the recipe counts only where it is followed."""
        entry = self.config["models"][model]
        recipe = _sorted(entry["training"]) if entry["base"] == "train" else {}
        facts = {"base": entry["base"], "revision": entry.get("revision", "main"), "family": entry["family"]}
        return facts | {"recipe": recipe}

    def _model(self, model: str) -> dict:
        """family, device, dtype, quantisation: of the network."""
        names = ("family", "dtype", "quantisation")
        return {"device": self.config["device"]} | {name: self.config["models"][model][name] for name in names}

    def statistics(self, model: str) -> dict:
        """corpus, levels, passes, batch_size, max_length, and the network: of token statistics."""
        of_all = {"max_length": self.config["training"]["max_length"]}
        return _sorted(self.config["statistics"]) | of_all | self._model(model)

    def run(self, model: str, method: str) -> dict:
        """objective, settings, training, and the network: of a fine-tuning run."""
        entry, network = self.config["methods"][method], self._model(model)
        training = configuration.settings(self.training(method), "checkpoint", "activation_checkpointing")
        if not training["lora"]:
            network["dtype"] = "float32"  # small updates would be lost in bfloat16 weights
        facts = {"objective": entry["objective"], "settings": _sorted(configuration.method_settings(entry))}
        return facts | {"training": _sorted(training)} | network

    def decoding(self, model: str, method: str, seed: int) -> dict:
        """benchmarks (by name: decoders with settings, samples), and the network: of decoding a checkpoint."""
        plans: dict[str, dict] = {}
        for name, decoder in sorted(self.answers(method, seed)):
            plan = plans.setdefault(name, {"decoders": {}, "samples": self.config["benchmarks"][name]["samples"]})
            plan["decoders"][decoder] = self.decoders(name)[decoder]
        return {"benchmarks": plans} | self._model(model)

    def guessing(self) -> dict:
        """By benchmark, how many of its guesses are answers."""
        return {
            name: self.config["benchmarks"][name]["samples"] if about["metric"] == "pass@k" else GUESSES
            for name, about in sorted(self._about.items())
            if about["guesses"]
        }

    def grading(self, method: str, seed: int) -> dict:
        """graders (by benchmark), sandbox: of judging what a checkpoint answered."""
        graders = {name: self._about[name]["grader"] for name, _ in sorted(self.answers(method, seed))}
        return {"graders": graders, "sandbox": self.config["sandbox"]}

    @cached_property
    def metrics(self) -> dict[str, str]:
        """By benchmark, in the order of the config: the metric that counts, such as pass@16."""
        return {
            name: about["metric"].replace("@k", f"@{self.config['benchmarks'][name]['k']}")
            for name, about in self._about.items()
        }

    def scoring(self) -> dict:
        """benchmarks (by name: metric, k, decoders in their order), runs: of the score of every problem.

        decoders: gen_length, steps and whether they draw anything. runs: by method without runs of its own, the one
        whose it decodes.
        """
        runs = {name: self.run_of(name) for name in sorted(self.methods) if self.run_of(name) != name}
        benchmarks = {
            name: {"metric": about["metric"], "k": self.config["benchmarks"][name]["k"]}
            | {
                "decoders": {
                    decoder: {"gen_length": one["gen_length"], "steps": one["steps"], "drawn": drawn(one)}
                    for decoder, one in self.decoders(name).items()
                }
            }
            for name, about in sorted(self._about.items())
        }
        return {"benchmarks": benchmarks, "runs": runs}

    def data_report(self) -> dict:
        """max_lengths (by corpus, where its examples are cut), benchmarks (metric, samples, decoders)."""
        cuts: dict[str, set] = {name: set() for name in self.corpora}
        for method in self.trained:
            cuts[self.training(method)["corpus"]].add(self.training(method)["max_length"])
        of_all = [self.config["training"]["max_length"]]
        plan = {
            name: {"metric": about["metric"], "samples": self.config["benchmarks"][name]["samples"]}
            | {"decoders": self.decoders(name)}
            for name, about in self._about.items()
        }
        return {"max_lengths": {name: sorted(found) or of_all for name, found in cuts.items()}, "benchmarks": plan}

    def _shown(self) -> dict:
        decoders = {name: list(self.decoders(name)) for name in self.benchmarks}
        return {"metrics": self.metrics, "decoders": decoders, "methods": self.rows}

    def tables(self) -> dict:
        """metrics, sources, decoders (names): by benchmark; bases: by model; corpus (of statistics); methods."""
        sources = {name: entry["source"] for name, entry in self.config["benchmarks"].items()}
        bases = {name: entry["base"] for name, entry in self.config["models"].items()}
        return self._shown() | {"sources": sources, "bases": bases, "corpus": self.config["statistics"]["corpus"]}

    def figures(self) -> dict:
        """metrics, decoders (names): by benchmark; models, corpus; methods; ablations, which are in one figure only."""
        methods = [method for method in self.rows if method not in self.ablations]
        facts = {"models": self.models, "corpus": self.config["statistics"]["corpus"]}
        return self._shown() | {"methods": methods, "ablations": self.ablations} | facts

    def page(self) -> dict:
        """metrics, decoders (names): by benchmark; methods; references."""
        return self._shown() | {"references": self.config["references"]}

    def check(self, **named: object) -> None:
        """Raises InputError where a stage is given the name of something that the experiment does not have."""
        known = {"model": [*self.models, "none"], "method": ["guess", "base", *self.methods], "corpus": self.corpora}
        known |= {
            "finetune": {"model": self.models, "method": self.trained},
            "decode": {"model": self.models, "method": ["base", *self.methods]},
        }.get(named.get("stage"), {})
        known |= {"benchmark": self.benchmarks, "seed": [*self.seeds, 0]}
        for kind, names in known.items():
            if named.get(kind) is not None and named[kind] not in names:
                said = ", ".join(map(str, dict.fromkeys(names)))
                raise InputError(f"--{kind} {named[kind]}: the experiment has none of this name; it has {said}.")


def _sorted(settings: object) -> object:
    """The same in the order of the names, at all depths: the order in a config says nothing."""
    if not isinstance(settings, dict):
        return settings
    return {name: _sorted(settings[name]) for name in sorted(settings)}

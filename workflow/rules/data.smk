rule prepare_corpus:
    input:
        model=lambda wildcards: model_folder(wildcards.model),
    output:
        directory(f"{RESULTS}/data/{{model}}/{{corpus}}"),
    log:
        f"{LOGS}/data/{{model}}/{{corpus}}.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        source=lambda wildcards: CONFIG["corpora"][wildcards.corpus]["source"],
        settings=lambda wildcards: json(configuration.corpus_settings(CONFIG["corpora"][wildcards.corpus])),
        held_out=lambda wildcards: CONFIG["corpora"][wildcards.corpus]["held_out"],
        code=lambda wildcards: fingerprint(
            "lift.stages.prepare_corpus", module("corpora", CONFIG["corpora"][wildcards.corpus]["source"])
        ),
    message:
        "Tokenising {wildcards.corpus} for {wildcards.model}"
    shell:
        "python -m lift prepare-corpus"
        " --source {params.source}"
        " --settings {params.settings:q}"
        " --tokenizer {input.model:q}"
        " --held-out {params.held_out}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule prepare_benchmark:
    input:
        lambda wildcards: CONFIG["benchmarks"][wildcards.benchmark].get("path") or [],
    output:
        f"{RESULTS}/benchmarks/{{benchmark}}.jsonl",
    log:
        f"{LOGS}/benchmarks/{{benchmark}}.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        source=lambda wildcards: CONFIG["benchmarks"][wildcards.benchmark]["source"],
        settings=lambda wildcards: json(configuration.benchmark_settings(CONFIG["benchmarks"][wildcards.benchmark])),
        code=lambda wildcards: fingerprint(
            "lift.stages.prepare_benchmark", module("benchmarks", CONFIG["benchmarks"][wildcards.benchmark]["source"])
        ),
    message:
        "Writing the problems of {wildcards.benchmark}"
    shell:
        "python -m lift prepare-benchmark"
        " --source {params.source}"
        " --settings {params.settings:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"


# Aggregate target: every corpus and benchmark.
rule data:
    input:
        expand(rules.prepare_corpus.output, model=MODELS, corpus=CORPORA),
        expand(rules.prepare_benchmark.output, benchmark=BENCHMARKS),

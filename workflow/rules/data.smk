# Corpora and benchmarks. In: published files, of the hub or here. Out: examples, tokenised for each model; problems; the
# report on them.
rule prepare_corpus:
    input:
        lambda wildcards: local_files(CONFIG["corpora"][wildcards.corpus]),
    output:
        examples=f"{RESULTS}/corpora/{{corpus}}.jsonl",
        source=f"{RESULTS}/corpora/{{corpus}}.source.json",
    log:
        f"{LOGS}/corpora/{{corpus}}.log",
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=4000,
    params:
        settings=lambda wildcards: {
            "source": CONFIG["corpora"][wildcards.corpus]["source"],
            "of source": json(configuration.corpus_settings(CONFIG["corpora"][wildcards.corpus])),
        },
        code=lambda wildcards: fingerprint(
            "lift.stages.prepare_corpus", module_name("corpus", CONFIG["corpora"][wildcards.corpus]["source"])
        ),
        prompts=PROMPTS,
    message:
        "Writing the examples of {wildcards.corpus}"
    shell:
        "python -m lift prepare-corpus"
        " --source {params.settings[source]}"
        " --settings {params.settings[of source]:q}"
        " --output {output.examples:q}"
        " > {log:q} 2>&1"


rule tokenise:
    input:
        corpus=rules.prepare_corpus.output.examples,
        model=lambda wildcards: model_folder(wildcards.model),
    output:
        directory(f"{RESULTS}/data/{{model}}/{{corpus}}"),
    log:
        f"{LOGS}/data/{{model}}/{{corpus}}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=4000,
    params:
        settings=lambda wildcards: {key: CONFIG["corpora"][wildcards.corpus][key] for key in ("source", "held_out")},
        code=fingerprint("lift.stages.tokenise"),
    message:
        "Tokenising {wildcards.corpus} for {wildcards.model}"
    shell:
        "python -m lift tokenise"
        " --corpus {input.corpus:q}"
        " --source {params.settings[source]}"
        " --model {input.model:q}"
        " --held-out {params.settings[held_out]}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule prepare_benchmark:
    input:
        lambda wildcards: local_files(CONFIG["benchmarks"][wildcards.benchmark]),
    output:
        problems=f"{RESULTS}/benchmarks/{{benchmark}}.jsonl",
        source=f"{RESULTS}/benchmarks/{{benchmark}}.source.json",
    log:
        f"{LOGS}/benchmarks/{{benchmark}}.log",
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
    params:
        settings=lambda wildcards: {
            "source": CONFIG["benchmarks"][wildcards.benchmark]["source"],
            "of source": json(configuration.benchmark_settings(CONFIG["benchmarks"][wildcards.benchmark])),
        },
        code=lambda wildcards: fingerprint(
            "lift.stages.prepare_benchmark",
            module_name("benchmark", CONFIG["benchmarks"][wildcards.benchmark]["source"]),
        ),
        prompt=lambda wildcards: PLAN[wildcards.benchmark]["prompt"]
        and file_hash(Path(PLAN[wildcards.benchmark]["prompt"])),
    message:
        "Writing the problems of {wildcards.benchmark}"
    shell:
        "python -m lift prepare-benchmark"
        " --source {params.settings[source]}"
        " --settings {params.settings[of source]:q}"
        " --output {output.problems:q}"
        " > {log:q} 2>&1"


rule data_report:
    input:
        corpora=expand(rules.prepare_corpus.output.examples, corpus=CORPORA),
        tokenised=expand(rules.tokenise.output, model=MODELS, corpus=CORPORA),
        benchmarks=expand(rules.prepare_benchmark.output.problems, benchmark=BENCHMARKS),
    output:
        report(
            expand(f"{RESULTS}/tables/{{table}}.csv", table=["data", "contamination", "benchmarks"]),
            caption="../report/data.rst",
            category="Data",
        ),
        expand(
            f"{RESULTS}/tables/{{table}}.{{extension}}",
            table=["data", "contamination", "benchmarks"],
            extension=["md", "tex"],
        ),
        details=f"{RESULTS}/contamination.csv",
    log:
        f"{LOGS}/data_report.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=8000,
    params:
        settings={
            "max_lengths": json(MAX_LENGTHS),
            "plan": json(
                {name: {key: plan[key] for key in ("metric", "decoders", "samples")} for name, plan in PLAN.items()}
            ),
        },
        output=lambda wildcards, output: Path(output[0]).parent,
        code=fingerprint("lift.stages.data_report"),
    message:
        "Lengths, cuts and contamination of the data"
    shell:
        "python -m lift data-report"
        " --corpora {input.corpora:q}"
        " --tokenised {input.tokenised:q}"
        " --benchmarks {input.benchmarks:q}"
        " --max-lengths {params.settings[max_lengths]:q}"
        " --plan {params.settings[plan]:q}"
        " --details {output.details:q}"
        " --output {params.output:q}"
        " > {log:q} 2>&1"


# Aggregate target: every corpus and benchmark, and the report on them.
rule data:
    input:
        rules.data_report.input,
        rules.data_report.output,
    message:
        "All data, and the report on it"

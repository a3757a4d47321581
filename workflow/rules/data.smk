# Corpora and benchmarks. In: published files, of the hub or here. Out: examples, tokenised for each model; problems; the
# report on them.
CORPUS, PROBLEMS = AT.corpus("{corpus}"), AT.problems("{benchmark}")


rule prepare_corpus:
    input:
        lambda wildcards: EXPERIMENT.local_files("corpora", wildcards.corpus),
    output:
        examples=CORPUS,
        source=CORPUS.with_suffix(".source.json"),
    log:
        AT.log("corpora/{corpus}"),
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=4000,
    params:
        lift=lift("prepare-corpus"),
        settings=lambda wildcards: key(EXPERIMENT.corpus(wildcards.corpus)),
        code=lambda wildcards: code(
            "prepare_corpus", module_name("corpus", EXPERIMENT.corpus(wildcards.corpus)["source"])
        ),
    message:
        "Writing the examples of {wildcards.corpus}"
    shell:
        "{params.lift} --corpus {wildcards.corpus:q} > {log:q} 2>&1"


rule tokenise:
    input:
        corpus=CORPUS,
        model=model_of,
    output:
        directory(AT.tokenised("{model}", "{corpus}")),
    log:
        AT.log("data/{model}/{corpus}"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=4000,
    params:
        lift=lift("tokenise"),
        settings=lambda wildcards: key(EXPERIMENT.tokenised(wildcards.model, wildcards.corpus)),
        code=code("tokenise"),
    message:
        "Tokenising {wildcards.corpus} for {wildcards.model}"
    shell:
        "{params.lift} --corpus {wildcards.corpus:q} --model {wildcards.model:q} > {log:q} 2>&1"


rule prepare_benchmark:
    input:
        lambda wildcards: EXPERIMENT.local_files("benchmarks", wildcards.benchmark),
    output:
        problems=PROBLEMS,
        source=PROBLEMS.with_suffix(".source.json"),
    log:
        AT.log("benchmarks/{benchmark}"),
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
    params:
        lift=lift("prepare-benchmark"),
        settings=lambda wildcards: key(EXPERIMENT.problems(wildcards.benchmark)),
        code=lambda wildcards: code(
            "prepare_benchmark", module_name("benchmark", EXPERIMENT.problems(wildcards.benchmark)["source"])
        ),
    message:
        "Writing the problems of {wildcards.benchmark}"
    shell:
        "{params.lift} --benchmark {wildcards.benchmark:q} > {log:q} 2>&1"


rule data_report:
    input:
        corpora=[AT.corpus(corpus) for corpus in EXPERIMENT.corpora],
        tokenised=[AT.tokenised(model, corpus) for model in EXPERIMENT.models for corpus in EXPERIMENT.corpora],
        benchmarks=[AT.problems(benchmark) for benchmark in EXPERIMENT.benchmarks],
    output:
        *tables("data"),
        details=AT.contamination,
    log:
        AT.log("data_report"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=8000,
    params:
        lift=lift("data-report"),
        settings=key(EXPERIMENT.data_report()),
        code=code("data_report"),
    message:
        "Lengths, cuts and contamination of the data"
    shell:
        "{params.lift} > {log:q} 2>&1"


# Aggregate target: every corpus and benchmark, and the report on them.
rule data:
    input:
        rules.data_report.input,
        rules.data_report.output,
    message:
        "All data, and the report on it"

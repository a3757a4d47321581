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
    resources:
        mem_mb=4000,
    params:
        **stage(
            "prepare-corpus",
            lambda wildcards: EXPERIMENT.corpus(wildcards.corpus),
            lambda view: [module_name("corpus", view["source"])],
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
    resources:
        mem_mb=4000,
    params:
        **stage("tokenise", lambda wildcards: EXPERIMENT.tokenised(wildcards.model, wildcards.corpus)),
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
    resources:
        mem_mb=2000,
    params:
        **stage(
            "prepare-benchmark",
            lambda wildcards: EXPERIMENT.problems(wildcards.benchmark),
            lambda view: [module_name("benchmark", view["source"])],
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
    resources:
        mem_mb=8000,
    params:
        **stage("data-report", EXPERIMENT.data_report()),
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

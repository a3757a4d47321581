# Token statistics. In: a base model and a tokenised corpus. Out: confidence by token and masking level.
STATISTICS = "statistics/{model}-{corpus}"


rule token_statistics:
    input:
        model=lambda wildcards: model_folder(wildcards.model),
        corpus=f"{RESULTS}/data/{{model}}/{{corpus}}",
    output:
        table=f"{RESULTS}/{STATISTICS}.parquet",
        record=f"{RESULTS}/{STATISTICS}.json",
    log:
        f"{LOGS}/{STATISTICS}.log",
    benchmark:
        f"{TIMINGS}/{STATISTICS}.tsv"
    conda:
        ENVIRONMENT
    threads: CONFIG["threads"]
    resources:
        mem_mb=memory_mb,
        gpu=GPUS,
    params:
        settings=lambda wildcards: {
            "levels": json(CONFIG["statistics"]["levels"]),
            "passes": CONFIG["statistics"]["passes"],
            "batch_size": CONFIG["statistics"]["batch_size"],
            "max_length": CONFIG["training"]["max_length"],
            "device": CONFIG["device"],
            "dtype": CONFIG["models"][wildcards.model]["dtype"],
        },
        shard="",
        resume=f"{RESULTS}/.resume/{STATISTICS}",
        code=fingerprint("lift.stages.statistics"),
    message:
        "Confidence by token and level: {wildcards.model} on {wildcards.corpus} (GPUs: {resources.gpu})"
    shell:
        "python -m lift statistics"
        " --model {input.model:q}"
        " --corpus {input.corpus:q}"
        " --levels {params.settings[levels]:q}"
        " --passes {params.settings[passes]}"
        " --batch-size {params.settings[batch_size]}"
        " --max-length {params.settings[max_length]}"
        " --device {params.settings[device]}"
        " --dtype {params.settings[dtype]}"
        " --threads {threads}"
        " {params.shard}"
        " --resume {params.resume:q}"
        " --output {output.table:q}"
        " > {log:q} 2>&1"


if SHARDS > 1:

    use rule token_statistics as statistics_shard with:
        output:
            table=temp(f"{RESULTS}/.parts/{STATISTICS}/{{shard}}.safetensors"),
        log:
            f"{LOGS}/{STATISTICS}-{{shard}}.log",
        benchmark:
            f"{TIMINGS}/{STATISTICS}-{{shard}}.tsv"
        params:
            shard=f"--shard {{shard}}/{SHARDS}",
            resume=f"{RESULTS}/.resume/{STATISTICS}-{{shard}}",
        message:
            "Confidence by token and level: {wildcards.model} on {wildcards.corpus}, shard {wildcards.shard}"
            f" of {SHARDS} (GPUs: {{resources.gpu}})"

    rule gather_statistics:
        input:
            model=lambda wildcards: model_folder(wildcards.model),
            parts=expand(rules.statistics_shard.output, shard=range(1, SHARDS + 1), allow_missing=True),
        output:
            **rules.token_statistics.output,
        log:
            f"{LOGS}/{STATISTICS}.log",
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=4000,
        params:
            code=fingerprint("lift.stages.gather_statistics"),
        message:
            "Confidence by token and level: {wildcards.model} on {wildcards.corpus}, from all shards"
        shell:
            "python -m lift gather-statistics"
            " --model {input.model:q}"
            " --parts {input.parts:q}"
            " --output {output.table:q}"
            " > {log:q} 2>&1"

    ruleorder: gather_statistics > token_statistics


# Aggregate target: the token statistics of every model.
rule statistics:
    input:
        expand(rules.token_statistics.output.table, model=MODELS, corpus=CONFIG["statistics"]["corpus"]),
    message:
        "All token statistics"

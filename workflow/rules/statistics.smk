rule token_statistics:
    input:
        model=lambda wildcards: model_folder(wildcards.model),
        corpus=f"{RESULTS}/data/{{model}}/{{corpus}}",
    output:
        f"{RESULTS}/statistics/{{model}}-{{corpus}}.parquet",
    log:
        f"{LOGS}/statistics/{{model}}-{{corpus}}.log",
    benchmark:
        f"{TIMINGS}/statistics/{{model}}-{{corpus}}.tsv"
    conda:
        "../../environment.yml"
    threads: CONFIG["threads"]
    resources:
        mem_mb=memory_mb,
        gpu=GPUS,
    params:
        levels=json(CONFIG["statistics"]["levels"]),
        passes=CONFIG["statistics"]["passes"],
        batch_size=CONFIG["statistics"]["batch_size"],
        max_length=CONFIG["training"]["max_length"],
        device=CONFIG["device"],
        dtype=lambda wildcards: CONFIG["models"][wildcards.model]["dtype"],
        code=fingerprint("lift.stages.statistics"),
    message:
        "Confidence by token and level: {wildcards.model} on {wildcards.corpus} (GPUs: {resources.gpu})"
    shell:
        "python -m lift statistics"
        " --model {input.model:q}"
        " --corpus {input.corpus:q}"
        " --levels {params.levels:q}"
        " --passes {params.passes}"
        " --batch-size {params.batch_size}"
        " --max-length {params.max_length}"
        " --device {params.device}"
        " --dtype {params.dtype}"
        " --threads {threads}"
        " --output {output:q}"
        " > {log:q} 2>&1"


# Aggregate target: the token statistics of every model.
rule statistics:
    input:
        expand(rules.token_statistics.output, model=MODELS, corpus=CONFIG["statistics"]["corpus"]),

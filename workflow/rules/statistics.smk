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
        mem_mb=4000,
        gpu=GPUS,
    params:
        levels=json(CONFIG["statistics"]["levels"]),
        passes=CONFIG["statistics"]["passes"],
        device=CONFIG["device"],
        code=fingerprint("lift.stages.statistics"),
    message:
        "Confidence by token and level: {wildcards.model} on {wildcards.corpus}"
    shell:
        "python -m lift statistics"
        " --model {input.model:q}"
        " --corpus {input.corpus:q}"
        " --levels {params.levels:q}"
        " --passes {params.passes}"
        " --device {params.device}"
        " --threads {threads}"
        " --output {output:q}"
        " > {log:q} 2>&1"


# Aggregate target: the token statistics of every model.
rule statistics:
    input:
        expand(rules.token_statistics.output, model=MODELS, corpus=CONFIG["statistics"]["corpus"]),

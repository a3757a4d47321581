rule base_model:
    output:
        directory(f"{RESULTS}/models/{{model}}"),
    log:
        f"{LOGS}/models/{{model}}.log",
    benchmark:
        f"{TIMINGS}/models/{{model}}.tsv"
    localrule: all(configuration.hub_model(entry) for entry in CONFIG["models"].values())
    conda:
        "../../environment.yml"
    threads: CONFIG["threads"]
    resources:
        mem_mb=4000,
    params:
        base=lambda wildcards: CONFIG["models"][wildcards.model]["base"],
        revision=lambda wildcards: CONFIG["models"][wildcards.model].get("revision", "main"),
        family=lambda wildcards: CONFIG["models"][wildcards.model]["family"],
        # the recipe and its code count only where it is followed
        settings=lambda wildcards: (
            json(CONFIG["models"][wildcards.model]["training"])
            if CONFIG["models"][wildcards.model]["base"] == "train"
            else "{}"
        ),
        code=lambda wildcards: (
            {
                "train": fingerprint("lift.miniature.pretraining"),
                "shipped": file_hash(*sorted(SHIPPED.glob("*"))),
            }.get(CONFIG["models"][wildcards.model]["base"], "")
        ),
        resume=f"{RESULTS}/.resume/models/{{model}}",
    message:
        "Base model {wildcards.model}: {params.base}"
    shell:
        "python -m lift base-model"
        " --base {params.base:q}"
        " --revision {params.revision:q}"
        " --family {params.family}"
        " --settings {params.settings:q}"
        " --resume {params.resume:q}"
        " --threads {threads}"
        " --output {output:q}"
        " > {log:q} 2>&1"


# Aggregate target: every base model that the workflow makes.
rule models:
    input:
        [model_folder(model) for model in MODELS],

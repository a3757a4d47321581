# Base models. In: the hub, a folder, or the miniature's recipe. Out: a checkpoint in a published layout.
MADE_BY = {  # what else makes a base of the miniature
    "train": lambda: fingerprint("lift.miniature.pretraining"),
    "shipped": lambda: file_hash(*sorted(REPOSITORY.glob("lift/miniature/weights/*"))),
}


rule base_model:
    output:
        directory(AT.model("{model}")),
    log:
        AT.log("models/{model}"),
    benchmark:
        AT.timing("models/{model}")
    localrule: all(configuration.hub_model(entry) for entry in EXPERIMENT.config["models"].values())
    conda:
        ENVIRONMENT
    threads: EXPERIMENT.config["threads"]
    resources:
        mem_mb=4000,
        runtime=runtime("models"),
    params:
        **stage("base-model", lambda wildcards: EXPERIMENT.base(wildcards.model))
        | {"code": lambda wildcards: MADE_BY.get(EXPERIMENT.base(wildcards.model)["base"], str)()},
    message:
        "Base model {wildcards.model}"
    shell:
        "{params.lift} --model {wildcards.model:q} --threads {threads} > {log:q} 2>&1"


# Aggregate target: every base model that the workflow makes.
rule models:
    input:
        [str(EXPERIMENT.model(model)) for model in EXPERIMENT.models],
    message:
        "All base models"

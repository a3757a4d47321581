# Base models. In: the hub, a folder, or the miniature's recipe. Out: a checkpoint in a published layout.
MADE_BY = {  # what else makes a base of the miniature
    "train": lambda: fingerprint("lift.miniature.pretraining"),
    "shipped": lambda: file_hash(*sorted((REPOSITORY / "lift/miniature/weights").glob("*"))),
}


rule base_model:
    output:
        directory(L.model("{model}")),
    log:
        L.log("models/{model}"),
    benchmark:
        L.timing("models/{model}")
    localrule: all(configuration.hub_model(entry) for entry in E.config["models"].values())
    conda:
        ENVIRONMENT
    threads: E.config["threads"]
    resources:
        mem_mb=4000,
    params:
        lift=lift("base-model"),
        settings=lambda wildcards: key(E.base(wildcards.model)),
        code=lambda wildcards: MADE_BY.get(E.base(wildcards.model)["base"], str)(),
    message:
        "Base model {wildcards.model}"
    shell:
        "{params.lift} --model {wildcards.model:q} --threads {threads} > {log:q} 2>&1"


# Aggregate target: every base model that the workflow makes.
rule models:
    input:
        [str(E.model(model)) for model in E.models],
    message:
        "All base models"

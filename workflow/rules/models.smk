# Base models. In: the hub, a folder, or the miniature's recipe. Out: a checkpoint in a published layout.
rule base_model:
    output:
        directory(f"{RESULTS}/models/{{model}}"),
    log:
        f"{LOGS}/models/{{model}}.log",
    benchmark:
        f"{TIMINGS}/models/{{model}}.tsv"
    localrule: all(configuration.hub_model(entry) for entry in CONFIG["models"].values())
    conda:
        ENVIRONMENT
    threads: CONFIG["threads"]
    resources:
        mem_mb=4000,
    params:
        settings=lambda wildcards: base_settings(CONFIG["models"][wildcards.model]),
        code=lambda wildcards: (
            {
                "train": fingerprint("lift.miniature.pretraining"),
                "shipped": file_hash(*sorted(SHIPPED.glob("*"))),
            }.get(CONFIG["models"][wildcards.model]["base"], "")
        ),
        resume=f"{RESULTS}/.resume/models/{{model}}",
    message:
        "Base model {wildcards.model}: {params.settings[base]}"
    shell:
        "python -m lift base-model"
        " --base {params.settings[base]:q}"
        " --revision {params.settings[revision]:q}"
        " --family {params.settings[family]}"
        " --settings {params.settings[recipe]:q}"
        " --resume {params.resume:q}"
        " --threads {threads}"
        " --output {output:q}"
        " > {log:q} 2>&1"


# Aggregate target: every base model that the workflow makes.
rule models:
    input:
        [model_folder(model) for model in MODELS],
    message:
        "All base models"

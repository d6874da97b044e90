"""What fields are called elsewhere: for a message that says which one may be meant."""

from collections.abc import Iterable

from ..words import nearest

_CLEARLY = 0.7  # likeness from which on a field of another section may be meant
_FIELDS = {  # name elsewhere, without case and signs between letters: ours, the first that there is
    **dict.fromkeys(("lr", "eta", "rate", "learnrate", "baselr", "maxlr", "initiallr"), ("learning_rate",)),
    **dict.fromkeys(("bs", "batch", "batchsz", "nbatch", "minibatch", "minibatchsize"), ("batch_size",)),
    **dict.fromkeys(("epoch", "nepochs", "numepochs", "maxepochs", "nepoch", "iterations"), ("epochs",)),
    **dict.fromkeys(("timelimit", "timebudget", "maxtime", "maxtimemins", "duration"), ("time",)),
    **dict.fromkeys(("limittrainbatches", "maxsteps", "stepsperepochs"), ("steps_per_epoch",)),
    **dict.fromkeys(("wd", "decay", "l2", "l2reg", "weightreg"), ("weight_decay",)),
    **dict.fromkeys(("dropoutrate", "droprate", "pdropout", "dropoutprob"), ("dropout",)),
    **dict.fromkeys(("act", "activationfn", "activationfunction", "nonlinearity"), ("activation",)),
    **dict.fromkeys(("opt", "optim", "optimiser", "solver"), ("optimizer",)),
    **dict.fromkeys(("scheduler", "lrschedule", "lrscheduler", "sched"), ("schedule",)),
    **dict.fromkeys(("warmup", "warmupsteps", "nwarmup"), ("warmup_epochs",)),
    **dict.fromkeys(("patience", "earlystop", "espatience", "nopatience"), ("early_stopping",)),
    **dict.fromkeys(("clip", "clipgrad", "gradclip", "gradientclip", "gradientclipval", "maxgradnorm"), ("clip_norm",)),
    **dict.fromkeys(("amp", "fp16", "bf16", "dtype", "mixedprecision"), ("precision",)),
    **dict.fromkeys(("smoothing", "ls"), ("label_smoothing",)),
    **dict.fromkeys(("lossfn", "lossfunction", "criterion"), ("loss",)),
    **dict.fromkeys(("norm", "bn", "batchnorm", "normalisation"), ("normalization",)),
    **dict.fromkeys(("arch", "architecture", "network", "net", "modelname", "type"), ("name", "backbone")),
    **dict.fromkeys(("name", "pretrained", "basemodel", "encoder"), ("backbone",)),
    **dict.fromkeys(("hidden", "hiddensize", "hiddenunits", "hiddendim", "neurons", "nunits"), ("units", "head_units")),
    **dict.fromkeys(("nlayers", "numlayers"), ("depth", "layers", "units")),
    **dict.fromkeys(("channels", "nfilters"), ("filters",)),
    **dict.fromkeys(("latentdim", "bottleneckdim", "codesize", "zdim", "noisedim"), ("latent",)),
    **dict.fromkeys(("embeddim", "embeddingdim", "embeddingsize"), ("embedding",)),
    **dict.fromkeys(("imgsize", "imagesize", "inputsize", "inputshape", "imgsz"), ("size",)),
    **dict.fromkeys(("maxlen", "seqlen", "sequencelength", "maxseqlength"), ("max_length",)),
    **dict.fromkeys(("vocab", "vocabsize", "maxtokens", "numwords"), ("vocabulary",)),
    **dict.fromkeys(("augmentation", "augmentations", "aug", "transforms"), ("augment",)),
    **dict.fromkeys(("val", "valsplit", "validationsplit", "valsize", "valfraction"), ("validation",)),
    **dict.fromkeys(("testsplit", "testsize", "testfraction"), ("test",)),
    **dict.fromkeys(
        ("label", "labels", "target", "targetcolumn", "labelcolumn", "labelcol", "y"), ("label_column", "target_column")
    ),
    **dict.fromkeys(("text", "textcol", "content"), ("text_column",)),
    **dict.fromkeys(("textcolumns", "textcols", "textfields"), ("text_column",)),
    **dict.fromkeys(("replaceurls", "emoticons", "emoji", "normalize", "clean", "cleaning"), ("replace",)),
    **dict.fromkeys(("truncation", "truncate", "chunk", "chunks", "chunking", "stride"), ("long",)),
    **dict.fromkeys(("timestamp", "date", "datecolumn", "timecol"), ("time_column",)),
    **dict.fromkeys(("dateformat", "datetimeformat", "timestampformat"), ("time_format",)),
    **dict.fromkeys(("group", "groups", "groupcol", "groupkey", "stratifygroup"), ("group_column",)),
    **dict.fromkeys(("calib", "cal", "calibrationsize", "calibrationsplit"), ("calibration",)),
    **dict.fromkeys(("drop", "dropcolumns", "ignore", "ignorecolumns", "skipcolumns"), ("exclude", "dropout")),
    **dict.fromkeys(("features", "featurecolumns", "usecols"), ("columns",)),
    **dict.fromkeys(("folder", "dir", "datadir", "dataset", "file", "root", "datapath"), ("path",)),
    **dict.fromkeys(("classweight", "balanced", "balance"), ("class_weights",)),
    **dict.fromkeys(("nfolds", "kfold", "kfolds", "cv", "nsplits"), ("folds",)),
    **dict.fromkeys(("windowsize", "windowlength", "lookback"), ("window",)),
    **dict.fromkeys(("contamination", "fpr", "falsepositiverate", "alpha"), ("false_alarm_rate",)),
    **dict.fromkeys(("ntrials", "maxtrials", "numtrials", "budget"), ("trials",)),
    **dict.fromkeys(("randomstate", "randomseed", "rng"), ("seed",)),
}


def meant(name: str, here: Iterable[str], elsewhere: Iterable[str] = ()) -> str:
    """The field that may be meant by an unknown name, or "".

    Args:
        name: as it was written.
        here: fields of the section that it was written in.
        elsewhere: fields of other sections, of which one is taken only if it is clearly meant.
    """
    here, elsewhere = list(here), list(elsewhere)
    known = _FIELDS.get("".join(filter(str.isalnum, name.lower())), ())
    for fields in (here, elsewhere):
        if found := next((field for field in known if field in fields), ""):
            return found
    return nearest(name, here) or nearest(name, elsewhere, _CLEARLY)

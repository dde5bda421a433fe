"""The model catalog: what there is, where it comes from, and whether the file here is the right one."""

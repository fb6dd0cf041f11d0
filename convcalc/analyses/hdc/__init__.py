"""`hdc_check`: whether stacked dilated convolutions leave holes, and rates that do not."""

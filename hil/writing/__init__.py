"""Write-verify of whole arrays: pulses and reads in turn until every cell is at its target."""

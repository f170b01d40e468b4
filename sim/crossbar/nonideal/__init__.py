"""What cells do beyond their law, whatever the law is: they flicker, drift, forget, wear, and know few states.

One file each; `sim.crossbar.nonideal.registry` lists them.
"""

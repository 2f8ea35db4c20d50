"""Between napari's layers and the science: reading layers, placing results, running jobs.

Everything here works on a `napari.components.ViewerModel` and needs no window, so that it is tested
without one. The widgets on top only collect inputs and show results.
"""

"""What is installed here, what the machine has, and how fast it computes: `terrazzo doctor`.

doctor     the public function, and the diagnosis as text and JSON
packages   versions, and what each extra lacks
machine    CPU, devices, memory and disk
folders    GDAL's and PROJ's data, cache folders
speed      one timed batch a runtime
"""

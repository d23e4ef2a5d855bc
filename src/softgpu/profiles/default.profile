# What the software GPU is when nothing else is asked for. Copy this file to make a device of your own; every key may be left out, and then
# has the value that stands here. A wrong line is refused with its number: cuInit answers NO_DEVICE, nvmlInit DRIVER_NOT_LOADED.
#   TF_SOFTGPU_PROFILE=t4              a file of this folder
#   TF_SOFTGPU_PROFILE=./my.profile    any other

# --- of the machine, before the first [device]
driver = 580.00.00          # what nvidia-smi calls the driver
cuda = 13.0                 # cuDriverGetVersion
peers = pcie                # between any two devices: none, pcie or nvlink
pace = 0                    # 1: copies between host and device last as long as pcie_gb_per_s asks

# --- one section for each device, or for `count` alike
[device]
count = 1
name = tensor-fusion software GPU
brand = nvidia
compute_capability = 12.1   # which PTX of a program runs here; threads, blocks and shared memory of a multiprocessor follow from it
multiprocessors = 16
memory_mib = 4096           # of the card; nothing is taken from the host until it is touched
reserved_mib = 0            # part of it that the driver keeps for itself
# uuid = GPU-...            # made from the host's name when it is not given; alike devices count up in the last byte
# serial = 0123456789       # made from the UUID
# pci = 0000:40:00.0        # alike devices take the next buses
pci_device_id = 2e1210de
pci_subsystem_id = 000010de
pcie_generation = 4
pcie_width = 16
pcie_gb_per_s = 0
copy_engines = 2
clock_mhz = 2000
base_clock_mhz = 2000
memory_clock_mhz = 4000
memory_bus_bits = 256
l2_kib = 24576
power_limit_w = 140
idle_power_w = 30
temperature_c = 40
ecc = 0
numa_node = 0
vbios = 00.00.00.00.00
part_number = 000-00000-0000-000
watchdog_ms = 0             # a kernel that runs longer ends with LAUNCH_TIMEOUT; 0: it may run for ever

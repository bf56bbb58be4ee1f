# SPDX-License-Identifier: Apache-2.0
"""Drives containerd's CRI plugin as a kubelet does, by the part of its interface in cri.proto."""

import pathlib
import subprocess

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PROTO = pathlib.Path(__file__).with_name("cri.proto")


def _load():
    """All message types and methods of cri.proto, by name."""
    data = subprocess.run(["protoc", f"-I{PROTO.parent}", PROTO.name, "--descriptor_set_out=/dev/stdout"],
                          check=True, capture_output=True).stdout
    files = descriptor_pb2.FileDescriptorSet.FromString(data)
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    # protobuf 4 (Debian 13) has a function for what was a method of a class.
    get_class = getattr(message_factory, "GetMessageClass", None) or message_factory.MessageFactory(pool).GetPrototype
    file = pool.FindFileByName(PROTO.name)
    types = {name: get_class(descriptor) for name, descriptor in file.message_types_by_name.items()}
    methods = {method.name: (f"/{service.full_name}/{method.name}", get_class(method.input_type),
                             get_class(method.output_type))
               for service in file.services_by_name.values() for method in service.methods}
    return types, methods


TYPES, METHODS = _load()


class Cri:
    """cri = Cri(socket); cri.PullImage(image={"image": reference}).image_ref"""

    def __init__(self, socket):
        self.channel = grpc.insecure_channel(f"unix://{socket}")

    def __getattr__(self, name):
        path, request, response = METHODS[name]
        call = self.channel.unary_unary(path, request_serializer=request.SerializeToString,
                                        response_deserializer=response.FromString)
        return lambda timeout=300, **fields: call(request(**fields), timeout=timeout)

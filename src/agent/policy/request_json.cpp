// SPDX-License-Identifier: Apache-2.0
#include "agent/policy/request_json.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <sys/stat.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/strings.h"

// The generated messages are of the lite runtime and know no field names: the compiled .proto files are part
// of the program (CMakeLists.txt makes the file).
asm(".section .rodata\n"
    ".global cc_agent_descriptors\n"
    ".global cc_agent_descriptors_end\n"
    "cc_agent_descriptors:\n"
    ".incbin \"" CC_AGENT_DESCRIPTORS
    "\"\n"
    "cc_agent_descriptors_end:\n"
    ".byte 0\n"
    ".previous\n");
extern "C" const char cc_agent_descriptors[], cc_agent_descriptors_end[];

namespace cc::agent {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using nlohmann::json;

constexpr std::string_view kCopyFile = "grpc.CopyFileRequest";

json MessageJson(const Message& message);

json Bytes(const std::string& bytes) {
  json list = json::array();
  for (const char c : bytes) list.push_back(static_cast<uint8_t>(c));
  return list;
}

// One value of a field: of the field itself, or (index >= 0) of a repeated one.
json Value(const Message& message, const FieldDescriptor& field, int index) {
  const google::protobuf::Reflection& r = *message.GetReflection();
  const bool many = index >= 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return many ? r.GetRepeatedInt32(message, &field, index) : r.GetInt32(message, &field);
    case FieldDescriptor::CPPTYPE_INT64:
      return many ? r.GetRepeatedInt64(message, &field, index) : r.GetInt64(message, &field);
    case FieldDescriptor::CPPTYPE_UINT32:
      return many ? r.GetRepeatedUInt32(message, &field, index) : r.GetUInt32(message, &field);
    case FieldDescriptor::CPPTYPE_UINT64:
      return many ? r.GetRepeatedUInt64(message, &field, index) : r.GetUInt64(message, &field);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return many ? r.GetRepeatedDouble(message, &field, index) : r.GetDouble(message, &field);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return many ? r.GetRepeatedFloat(message, &field, index) : r.GetFloat(message, &field);
    case FieldDescriptor::CPPTYPE_BOOL:
      return many ? r.GetRepeatedBool(message, &field, index) : r.GetBool(message, &field);
    case FieldDescriptor::CPPTYPE_ENUM: {
      const int number =
          many ? r.GetRepeatedEnumValue(message, &field, index) : r.GetEnumValue(message, &field);
      const auto* value = field.enum_type()->FindValueByNumber(number);
      return value == nullptr ? json(number) : json(value->name());
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      const std::string text =
          many ? r.GetRepeatedString(message, &field, index) : r.GetString(message, &field);
      return field.type() == FieldDescriptor::TYPE_BYTES ? Bytes(text) : json(text);
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return MessageJson(many ? r.GetRepeatedMessage(message, &field, index) : r.GetMessage(message, &field));
  }
  return nullptr;
}

json MapJson(const Message& message, const FieldDescriptor& field) {
  const google::protobuf::Reflection& r = *message.GetReflection();
  json map = json::object();
  for (int i = 0; i < r.FieldSize(message, &field); ++i) {
    const Message& entry = r.GetRepeatedMessage(message, &field, i);
    const json key = Value(entry, *field.message_type()->map_key(), -1);
    map[key.is_string() ? key.get<std::string>() : key.dump()] =
        Value(entry, *field.message_type()->map_value(), -1);
  }
  return map;
}

json FieldJson(const Message& message, const FieldDescriptor& field) {
  const google::protobuf::Reflection& r = *message.GetReflection();
  if (field.is_map()) return MapJson(message, field);
  if (field.is_repeated()) {
    json list = json::array();
    for (int i = 0; i < r.FieldSize(message, &field); ++i) list.push_back(Value(message, field, i));
    return list;
  }
  if (field.has_presence() && !r.HasField(message, &field)) return nullptr;
  return Value(message, field, -1);
}

json MessageJson(const Message& message) {
  json object = json::object();
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    object[type.field(i)->name()] = FieldJson(message, *type.field(i));
  }
  return object;
}

// A file's content would become millions of numbers, only to be left out.
void DropContent(Message& request) {
  const google::protobuf::Descriptor& type = *request.GetDescriptor();
  const google::protobuf::Reflection& r = *request.GetReflection();
  if (S_ISLNK(r.GetUInt32(request, type.FindFieldByName("file_mode")))) return;
  r.ClearField(&request, type.FindFieldByName("data"));
}

void ShortenCopyFile(json& request) {
  std::string target;
  if (S_ISLNK(request.value("file_mode", 0U))) {
    for (const json& byte : request["data"]) target.push_back(static_cast<char>(byte.get<uint8_t>()));
  }
  request.erase("data");
  request["symlink_src"] = target;
}

class Types {
 public:
  Types() {
    google::protobuf::FileDescriptorSet set;
    if (!set.ParseFromArray(cc_agent_descriptors,
                            static_cast<int>(cc_agent_descriptors_end - cc_agent_descriptors))) {
      return;  // every lookup fails then, and with it every request
    }
    for (const auto& file : set.file()) pool_.BuildFile(file);
  }
  // Null for an unknown type. Thread-safe.
  std::unique_ptr<Message> New(std::string_view type) {
    const auto* descriptor = pool_.FindMessageTypeByName(std::string(type));
    return std::unique_ptr<Message>(descriptor == nullptr ? nullptr
                                                          : factory_.GetPrototype(descriptor)->New());
  }

 private:
  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_{&pool_};
};

}  // namespace

absl::StatusOr<std::string> RequestJson(std::string_view type, std::string_view payload) {
  static Types* const types = new Types();
  const std::unique_ptr<Message> message = types->New(type);
  if (message == nullptr) return absl::InternalError(StrCat("no message type ", type));
  if (!message->ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
    return absl::InvalidArgumentError("request does not parse as its message type");
  }
  if (type == kCopyFile) DropContent(*message);
  json request = MessageJson(*message);
  if (type == kCopyFile) ShortenCopyFile(request);
  return request.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace cc::agent

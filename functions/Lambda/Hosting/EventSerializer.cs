using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Amazon.Lambda.Core;

namespace Backup.Lambda.Hosting;

/// <summary>Events and results exactly as <see cref="LambdaJson"/> writes them. Lambda's own serializer gives a context other options, and with them other names and numbers for words.</summary>
public sealed class EventSerializer : ILambdaSerializer
{
    public T Deserialize<T>(Stream requestStream) => JsonSerializer.Deserialize(requestStream, Type<T>())!;

    public void Serialize<T>(T response, Stream responseStream) => JsonSerializer.Serialize(responseStream, response, Type<T>());

    private static JsonTypeInfo<T> Type<T>() => (JsonTypeInfo<T>)LambdaJson.Default.GetTypeInfo(typeof(T))!;
}
